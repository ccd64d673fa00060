// Vercel's AI SDK. TRACING is the class of @ai-sdk/otel (none: version 6 needs no other package),
// OPTIONS what it is made with.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import * as ai from "ai";
import { CONTEXT, FUNCTION, MODEL, NUMBERED, PARAMETERS } from "./texts.mjs";
import { QUESTION, RESULT, SYSTEM, WARRANTY } from "./texts.mjs";
import { flush } from "./tracing.mjs";

if (process.env.TRACING) {
  const otel = await import("@ai-sdk/otel");
  ai.registerTelemetry(new otel[process.env.TRACING](JSON.parse(process.env.OPTIONS ?? "{}")));
}
const apiKey = "no key";
const openai = createOpenAI({ baseURL: process.env.MODEL_URL, apiKey });
const anthropic = createAnthropic({ baseURL: `${process.env.ANTHROPIC_URL}/v1`, apiKey });
const open = createOpenAICompatible({ name: "vllm", baseURL: process.env.OPEN_MODEL_URL, apiKey });
const claude = anthropic("claude-sonnet-4-5");

const metadata = { sessionId: "s-1", userId: "u-1" };
const includeRuntimeContext = { sessionId: true, userId: true, schema: true };
const traced = (functionId, model, told = metadata) => ({
  experimental_telemetry: { isEnabled: true, functionId, metadata: told, includeRuntimeContext },
  runtimeContext: told,
  model,
  system: SYSTEM,
});
const inputSchema = jsonSchema(PARAMETERS);
const execute = () => JSON.parse(RESULT);
const tools = { look_up_warranty: tool({ description: FUNCTION.description, inputSchema, execute }) };
const months = { type: ["integer", "null"] };
const schema = jsonSchema({
  type: "object",
  properties: { months },
  required: ["months"],
  additionalProperties: false,
});
const parts = [
  ...[NUMBERED, QUESTION].map((text) => ({ type: "text", text })),
  { type: "file", data: "iVBORw0KGgo=", mediaType: "image/png" },
  { type: "file", data: "JVBERi0=", mediaType: "application/pdf" },
];
const short = `${WARRANTY} ${QUESTION}`;
const settings = { temperature: 0, topP: 0.9, topK: 5, seed: 7, maxOutputTokens: 50 };
const stopWhen = stepCountIs(3);
const stop = { stopSequences: ["\n\n"], presencePenalty: 0.1 };
const chat = (what, told) => traced(`chat ${what}`, openai.chat(MODEL), told);
const responses = (what) => traced(`responses ${what}`, openai.responses(MODEL));
const read = async ({ textStream }) => {
  for await (const _ of textStream);
};

await generateText({ ...chat("plain"), prompt: CONTEXT, ...settings, ...stop });
await read(streamText({ ...chat("stream"), prompt: CONTEXT, temperature: 0 }));
await generateText({ ...chat("agent"), prompt: QUESTION, tools, stopWhen });
const toolChoice = { type: "tool", toolName: "look_up_warranty" };
await generateText({ ...chat("chosen"), prompt: QUESTION, tools, toolChoice });
await generateObject({ ...chat("object"), prompt: short, schema, schemaName: "warranty" });
const told = { ...metadata, schema: JSON.stringify(schema.jsonSchema) };
await generateText({ ...chat("output", told), prompt: short, output: Output.object({ schema }) });
const reasoner = traced("chat reasoner", openai.chat("gpt-5-mini"));
await generateText({ ...reasoner, prompt: short, ...settings });
await generateText({ ...traced("open model", open("qwen3")), prompt: QUESTION, tools, stopWhen });

await read(streamText({ ...responses("agent"), prompt: QUESTION, tools, stopWhen, ...settings }));
await generateText({ ...responses("parts"), messages: [{ role: "user", content: parts }] });
await generateObject({ ...responses("object"), prompt: short, schema });

const thinking = { type: "enabled", budgetTokens: 1024 };
await generateText({
  ...traced("anthropic thinking", claude),
  prompt: QUESTION,
  maxOutputTokens: 100,
  tools,
  stopWhen,
  providerOptions: { anthropic: { thinking } },
});
await generateObject({ ...traced("anthropic object", claude), prompt: short, schema, maxOutputTokens: 50 });
await flush();
