// LangChain.js: a chain with a retriever, a stream, tools, images, a format, responses, an agent.

import { HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { ChatPromptTemplate } from "@langchain/core/prompts";
import { BaseRetriever } from "@langchain/core/retrievers";
import { RunnablePassthrough, RunnableSequence } from "@langchain/core/runnables";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { createAgent } from "langchain";
import { FUNCTION, MODEL, PARAMETERS, PICTURE, QUESTION, RESULT, RETURNS, SCHEMA, SYSTEM, TEMPLATE, WARRANTY } from "./texts.mjs";
import { flush, traced } from "./tracing.mjs";

class Manual extends BaseRetriever {
  lc_namespace = ["acme"];

  async _getRelevantDocuments() {
    return [WARRANTY, RETURNS].map((pageContent) => ({ pageContent, metadata: {} }));
  }
}

const configuration = { baseURL: process.env.MODEL_URL };
const given = { model: MODEL, apiKey: "no key", temperature: 0, configuration };
const model = new ChatOpenAI(given);
const { name, description } = FUNCTION;
const lookUp = tool(() => RESULT, { name, description, schema: PARAMETERS });
const withTool = model.bindTools([lookUp]);
const template = ChatPromptTemplate.fromMessages([["system", SYSTEM], ["user", TEMPLATE]]);
const found = new Manual().pipe((documents) => documents.map((one) => one.pageContent).join("\n"));
const chain = RunnableSequence.from([{ context: found, question: new RunnablePassthrough() }, template, model]);
const system = new SystemMessage(SYSTEM);
const context = [system, new HumanMessage(`${WARRANTY}\n\n${QUESTION}`)];
const ask = [system, new HumanMessage(QUESTION)];
const text = (...texts) => texts.map((one) => ({ type: "text", text: one }));
const image = { type: "image_url", image_url: { url: PICTURE } };

await traced(() => chain.invoke(QUESTION));
await traced(async () => {
  for await (const _ of await model.stream(context));
});
const asked = await traced(() => withTool.invoke(ask));
const result = new ToolMessage({ content: RESULT, tool_call_id: asked.tool_calls[0].id });
await traced(() => withTool.invoke([...ask, asked, result]));
await traced(() => model.bindTools([lookUp], { tool_choice: name }).invoke(ask));
await traced(() => model.invoke([system, new HumanMessage({ content: text(WARRANTY, QUESTION) })]));
await traced(() => model.invoke([system, new HumanMessage({ content: [...text(WARRANTY, QUESTION), image] })]));
const formatted = model.withStructuredOutput(SCHEMA, { name: "warranty", method: "jsonSchema", strict: true });
await traced(() => formatted.invoke(context));
await traced(() => new ChatOpenAI({ ...given, useResponsesApi: true }).invoke(context));
const agent = createAgent({ model, tools: [lookUp] });
await traced(() => agent.invoke({ messages: [{ role: "user", content: QUESTION }] }));
await flush();
