// OpenAI's Agents SDK, by responses and by chat completions, and a stream.

import * as agents from "@openai/agents";
import { OpenAIAgentsInstrumentation } from "@arizeai/openinference-instrumentation-openai-agents";
import OpenAI from "openai";
import { CONTEXT, MODEL, PARAMETERS, QUESTION, RESULT, SYSTEM } from "./texts.mjs";
import { flush } from "./tracing.mjs";

new OpenAIAgentsInstrumentation().manuallyInstrument(agents);

const { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, run, tool } = agents;
const client = new OpenAI({ baseURL: process.env.MODEL_URL, apiKey: "no key" });
const warranty = tool({
  name: "look_up_warranty",
  description: "Looks up a warranty.",
  parameters: { ...PARAMETERS, additionalProperties: false },
  strict: true,
  execute: () => RESULT,
});
const outputType = {
  type: "json_schema",
  name: "warranty",
  strict: true,
  schema: {
    type: "object",
    properties: { months: { type: ["integer", "null"] } },
    required: ["months"],
    additionalProperties: false,
  },
};
const content = [
  { type: "input_text", text: "Is it on this picture?" },
  { type: "input_image", image: "data:image/png;base64,iVBORw0KGgo=" },
];
const common = { name: "support", instructions: SYSTEM };

for (const Model of [OpenAIResponsesModel, OpenAIChatCompletionsModel]) {
  const model = new Model(client, MODEL);
  const modelSettings = { temperature: 0 };
  const agent = new Agent({ ...common, model, modelSettings, tools: [warranty] });
  const { history } = await run(agent, QUESTION);
  if (Model === OpenAIResponsesModel) await run(agent, [...history, { role: "user", content }]);
  await run(new Agent({ ...common, model, modelSettings, outputType }), CONTEXT);
  const said = await run(new Agent({ ...common, model }), CONTEXT, { stream: true });
  for await (const _ of said);
}
await flush();
