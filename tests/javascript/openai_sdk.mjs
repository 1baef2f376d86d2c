// The official OpenAI SDK for JavaScript, as an application uses it. One line of JSON a step on stdout:
// {"step": name, "got": {…}} or {"step": name, "failed": text}. What is right is decided by test_openai_sdk.py.
// Usage: node openai_sdk.mjs BASE_URL KEY

import OpenAI, { toFile } from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const options = { baseURL, maxRetries: 0, timeout: 20_000 };
const client = new OpenAI({ ...options, apiKey });
const messages = [{ role: "user", content: "Say hello to the lighthouse." }];

async function collected(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return {
    text: chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? "").join(""),
    finish: chunks.map((chunk) => chunk.choices[0]?.finish_reason).filter(Boolean),
    usages: chunks.map((chunk) => chunk.usage ?? null),
    choices: chunks.map((chunk) => chunk.choices.length),
  };
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return {
      kind: error.constructor.name,
      status: error.status,
      code: error.code ?? null,
      param: error.param ?? null,
      requestID: error.requestID,
    };
  }
  throw new Error("nothing was refused");
}

const steps = {
  async chat() {
    const { data, response } = await client.chat.completions.create({ model: "smart", messages }).withResponse();
    return {
      text: data.choices[0].message.content,
      usage: data.usage,
      requestID: data._request_id,
      provider: response.headers.get("x-gateway-provider"),
    };
  },
  async chat_stream() {
    return collected(await client.chat.completions.create({ model: "smart", messages, stream: true }));
  },
  async chat_stream_with_usage() {
    const stream_options = { include_usage: true };
    return collected(await client.chat.completions.create({ model: "smart", messages, stream: true, stream_options }));
  },
  async tools_stream_helper() {
    const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const tools = [{ type: "function", function: { name: "weather", parameters } }];
    const final = await client.chat.completions.stream({ model: "smart", messages, tools }).finalChatCompletion();
    const { finish_reason, message } = final.choices[0];
    const calls = message.tool_calls.map(({ id, type, function: called }) => ({
      id, type, name: called.name, arguments: JSON.parse(called.arguments),
    }));
    return { finish: finish_reason, role: message.role, calls };
  },
  async responses() {
    const made = await client.responses.create({ model: "sim/chat", input: "Tell the lighthouse." });
    const again = await client.responses.retrieve(made.id);
    return { id: made.id, again: again.id, text: made.output_text, status: made.status };
  },
  async responses_stream() {
    const stream = client.responses.stream({ model: "sim/chat", input: "Tell the lighthouse." });
    const kinds = [];
    for await (const event of stream) kinds.push(event.type);
    const final = await stream.finalResponse();
    return { kinds, text: final.output_text, id: final.id };
  },
  async embeddings() {
    const input = ["one", "two"];
    const implied = await client.embeddings.create({ model: "sim/embed", input });
    const float = await client.embeddings.create({ model: "sim/embed", input, encoding_format: "float" });
    const base64 = await client.embeddings.create({ model: "sim/embed", input, encoding_format: "base64" });
    const vectors = (reply) => reply.data.map((item) => item.embedding);
    return { implied: vectors(implied), float: vectors(float), base64: vectors(base64) };
  },
  async files() {
    const content = '{"custom_id":"1"}\n'.repeat(2000);
    const file = await toFile(Buffer.from(content), "batch.jsonl");
    const made = await client.files.create({ file, purpose: "batch" });
    const read = await (await client.files.content(made.id)).text();
    const { deleted } = await client.files.delete(made.id);
    return { id: made.id, name: made.filename, bytes: made.bytes, same: read === content, deleted };
  },
  async transcription() {
    const file = await toFile(Buffer.alloc(300_000, 7), "speech.wav");
    return { text: (await client.audio.transcriptions.create({ file, model: "sim/whisper" })).text };
  },
  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { ids, one: (await client.models.retrieve("org/m:x")).id };
  },
  async unknown_model() {
    return refusal(client.chat.completions.create({ model: "gpt-9", messages }));
  },
  async wrong_key() {
    const stranger = new OpenAI({ ...options, apiKey: "wrong" });
    return refusal(stranger.chat.completions.create({ model: "smart", messages }));
  },
  async abort_of_a_stream() {
    const endless = [{ role: "user", content: "[[sim:endless gap_ms=5]] on and on" }];
    const stream = await client.chat.completions.create({ model: "smart", messages: endless, stream: true });
    let seen = 0;
    for await (const _ of stream) if (++seen === 5) stream.controller.abort();
    return { seen, aborted: stream.controller.signal.aborted };
  },
};

for (const [step, run] of Object.entries(steps)) {
  try {
    console.log(JSON.stringify({ step, got: await run() }));
  } catch (error) {
    console.log(JSON.stringify({ step, failed: String(error.stack ?? error) }));
  }
}
