// Genkit: a chat, a stream, a flow with a retriever, tools, an agent of two steps, parts, a format.

import { openAI } from "@genkit-ai/compat-oai/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { Document, genkit } from "genkit";
import { enableTelemetry, flushTracing } from "genkit/tracing";
import { CONTEXT, FUNCTION, MODEL, NUMBERED, PARAMETERS, PICTURE, QUESTION, RESULT, RETURNS, SCHEMA, SYSTEM, WARRANTY } from "./texts.mjs";

await enableTelemetry({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
const plugin = openAI({ apiKey: "no key", baseURL: process.env.MODEL_URL });
const ai = genkit({ plugins: [plugin], model: openAI.model(MODEL) });
const { name, description } = FUNCTION;
const lookUp = ai.defineTool({ name, description, inputJsonSchema: PARAMETERS }, async () => JSON.parse(RESULT));
const documents = [WARRANTY, RETURNS].map((text) => Document.fromText(text));
const retriever = ai.defineRetriever({ name: "manual" }, async () => ({ documents }));
const ask = (prompt, given) => ai.generate({ system: SYSTEM, prompt, ...given });
const config = { temperature: 0.2, maxOutputTokens: 50, topP: 0.9, stopSequences: ["\n\n"], seed: 7 };

await ask(CONTEXT, { config });
const { response, stream } = ai.generateStream({ system: SYSTEM, prompt: CONTEXT, config: { temperature: 0 } });
for await (const _ of stream);
await response;
const support = ai.defineFlow("support", async (question) => {
  const docs = await ai.retrieve({ retriever, query: question });
  return (await ask(question, { docs })).text;
});
await support(QUESTION);
await ask(QUESTION, { tools: [lookUp], returnToolRequests: true, toolChoice: "required" });
await ask(QUESTION, { tools: [lookUp] });
await ask([{ text: NUMBERED }, { text: QUESTION }]);
await ask([{ text: NUMBERED }, { text: QUESTION }, { media: { url: PICTURE } }]);
await ask(CONTEXT, { output: { format: "json", jsonSchema: SCHEMA } });
await flushTracing();
