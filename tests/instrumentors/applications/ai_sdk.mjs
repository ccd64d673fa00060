// Vercel's AI SDK: TRACING says how it is traced.

import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { CONTEXT, FUNCTION, MODEL, PARAMETERS, QUESTION, RESULT, SYSTEM } from "./texts.mjs";
import { flush } from "./tracing.mjs";

const openai = createOpenAI({ baseURL: process.env.MODEL_URL, apiKey: "no key" });
const chat = openai.chat(MODEL);
const traced = (functionId) => ({ experimental_telemetry: { isEnabled: true, functionId } });
const tools = {
  look_up_warranty: tool({
    description: FUNCTION.description,
    inputSchema: jsonSchema(PARAMETERS),
    execute: () => JSON.parse(RESULT),
  }),
};

await generateText({ ...traced("chat"), model: chat, system: SYSTEM, prompt: CONTEXT, temperature: 0, seed: 7 });
const said = streamText({ ...traced("stream"), model: chat, system: SYSTEM, prompt: CONTEXT, temperature: 0 });
for await (const _ of said.textStream);
await generateText({ ...traced("agent"), model: chat, system: SYSTEM, prompt: QUESTION, temperature: 0, tools, stopWhen: stepCountIs(3) });
await flush();
