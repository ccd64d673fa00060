// The Claude Agent SDK, which starts Claude Code: it sends its spans and logs by itself.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSdkMcpServer, query, tool } from "@anthropic-ai/claude-agent-sdk";
import { z } from "zod";
import { CONTEXT, FUNCTION, QUESTION, RESULT, SYSTEM } from "./texts.mjs";

const look_up = tool(FUNCTION.name, FUNCTION.description, { product: z.string() }, async () => ({
  content: [{ type: "text", text: RESULT }],
}));
const home = mkdtempSync(join(tmpdir(), "claude-"));
const options = {
  cwd: home,
  model: "claude-sonnet-4-5",
  systemPrompt: SYSTEM,
  settingSources: [],
  thinking: { type: "disabled" },
  tools: [],
  mcpServers: { shop: createSdkMcpServer({ name: "shop", tools: [look_up] }) },
  allowedTools: [`mcp__shop__${FUNCTION.name}`],
  env: {
    ...process.env,
    HOME: home,
    ANTHROPIC_BASE_URL: process.env.ANTHROPIC_URL,
    ANTHROPIC_API_KEY: "no key",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_TRACES_EXPORTER: "otlp",
    OTEL_LOGS_EXPORTER: "otlp",
  },
};

for (const prompt of [CONTEXT, QUESTION]) {
  for await (const _ of query({ prompt, options }));
}
