// OpenAI's own client.

import OpenAI from "openai";
import { CONTEXT, MODEL, NUMBERED, PICTURE, QUESTION, RESULT, SCHEMA, SYSTEM, TOOL } from "./texts.mjs";
import { flush } from "./tracing.mjs";

const client = new OpenAI({ apiKey: "no key", baseURL: process.env.MODEL_URL });
const system = { role: "system", content: SYSTEM };
const chat = [system, { role: "user", content: CONTEXT }];
const question = [system, { role: "user", content: QUESTION }];
const ask = (messages, given) => client.chat.completions.create({ model: MODEL, temperature: 0.2, messages, ...given });
const parts = [NUMBERED, QUESTION].map((text) => ({ type: "text", text }));
const image = { type: "image_url", image_url: { url: PICTURE } };
const tools = [TOOL];

await ask(chat, { max_tokens: 50, top_p: 0.9, seed: 7, stop: ["\n\n"] });
for await (const _ of await ask(chat, { stream: true }));
const asked = (await ask(question, { tools })).choices[0].message;
const result = { role: "tool", tool_call_id: asked.tool_calls[0].id, content: RESULT };
await ask([...question, asked, result], { tools });
await ask(question, { tools, tool_choice: "required" });
await ask([system, { role: "user", content: parts }]);
await ask([system, { role: "user", content: [...parts, image] }]);
const json_schema = { name: "warranty", strict: true, schema: SCHEMA };
await ask(chat, { response_format: { type: "json_schema", json_schema } });
await client.responses.create({ model: MODEL, instructions: SYSTEM, input: CONTEXT });
await client.responses.create({ model: MODEL, input: chat });
await flush();
