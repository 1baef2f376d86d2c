// Google's official Gen AI SDK for JavaScript, asking what there is. One line of JSON a step on stdout:
// {"step": name, "got": {…}} or {"step": name, "failed": text}. What is right is decided by test_google_sdk.py.
// Usage: node google_sdk.mjs BASE_URL KEY

import { GoogleGenAI } from "@google/genai";

const [baseUrl, apiKey] = process.argv.slice(2);
const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl } });

async function listed(config) {
  const names = [];
  for await (const model of await client.models.list({ config })) names.push(model.name);
  return names;
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return { kind: error.constructor.name, status: error.status };
  }
  throw new Error("nothing was refused");
}

const steps = {
  async list() {
    return { all: await listed(), byOne: await listed({ pageSize: 1 }), byTwo: await listed({ pageSize: 2 }) };
  },
  async get() {
    const { name, inputTokenLimit, supportedActions } = await client.models.get({ model: "smart" });
    return { name, inputTokenLimit, supportedActions };
  },
  async get_with_a_slash() {
    const names = [];
    for (const model of ["org/m:x", "models/org/m:x"]) names.push((await client.models.get({ model })).name);
    return { names };
  },
  async unknown_model() {
    return refusal(client.models.get({ model: "none" }));
  },
  async wrong_key() {
    const other = new GoogleGenAI({ apiKey: "not-a-key-0123456789", httpOptions: { baseUrl } });
    return refusal(other.models.get({ model: "smart" }));
  },
};

for (const [step, run] of Object.entries(steps)) {
  try {
    console.log(JSON.stringify({ step, got: await run() }));
  } catch (error) {
    console.log(JSON.stringify({ step, failed: String(error?.stack ?? error) }));
  }
}
