// Mastra: an agent with and without a tool, a stream, parts, an image, a format. TRACING is the
// package of its exporter.

import { Mastra } from "@mastra/core";
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { Observability } from "@mastra/observability";
import { z } from "zod";
import { CONTEXT, FUNCTION, MODEL, NUMBERED, PICTURE, QUESTION, RESULT, SYSTEM } from "./texts.mjs";

const { ArizeExporter, OtelExporter } = await import(process.env.TRACING);
const endpoint = `${process.env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`;
const exporter = OtelExporter
  ? new OtelExporter({ provider: { custom: { endpoint, protocol: "http/protobuf" } } })
  : new ArizeExporter({ endpoint, projectName: "acme" });
const observability = new Observability({ configs: { acme: { serviceName: "acme", exporters: [exporter] } } });
const model = { id: `openai/${MODEL}`, url: process.env.MODEL_URL, apiKey: "no key" };
const execute = async () => JSON.parse(RESULT);
const inputSchema = z.object({ product: z.string() });
const tool = createTool({ id: FUNCTION.name, description: FUNCTION.description, inputSchema, execute });
const agent = (id, tools) => new Agent({ id, name: id, instructions: SYSTEM, model, tools });
const agents = { support: agent("support", {}), searching: agent("searching", { [FUNCTION.name]: tool }) };
const mastra = new Mastra({ agents, observability });
const [support, searching] = ["support", "searching"].map((id) => mastra.getAgent(id));
const user = (...content) => [{ role: "user", content }];
const text = (...texts) => texts.map((one) => ({ type: "text", text: one }));

const modelSettings = { temperature: 0, topP: 0.9, maxOutputTokens: 50, seed: 7, stopSequences: ["\n\n"] };
await support.generate(CONTEXT, { modelSettings });
for await (const _ of (await support.stream(CONTEXT)).textStream);
await searching.generate(QUESTION);
await searching.generate(CONTEXT);
await support.generate(user(...text(NUMBERED, QUESTION)));
await support.generate(user(...text(CONTEXT), { type: "image", image: PICTURE, mediaType: "image/png" }));
await support.generate(CONTEXT, { structuredOutput: { schema: z.object({ months: z.number().int() }) } });
await observability.shutdown();
