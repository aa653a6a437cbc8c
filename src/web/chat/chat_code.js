// A conversation as the call that a program would make.
const python = (value, indent = "") => {
  if (Array.isArray(value)) return `[\n${value.map((v) => `${indent}    ${python(v, `${indent}    `)},\n`).join("")}${indent}]`;
  if (value && typeof value === "object") return `{${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${python(v)}`).join(", ")}}`;
  return value === true ? "True" : value === false ? "False" : value === null ? "None" : JSON.stringify(value);
};
const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function as_code(language, call) {
  const { model, messages, ...rest } = call, options = Object.entries(rest).map(([k, v]) => `    ${k}=${python(v)},\n`).join("");
  if (language === "openai")
    return `import os\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="${location.origin}/v1", api_key=os.environ["HF_TOKEN"])\nanswer = client.chat.completions.create(\n`
      + `    model=${python(model)},\n    messages=${python(messages, "    ")},\n${options})\nprint(answer.choices[0].message.content)`;
  if (language === "hub")
    return `import os\nfrom huggingface_hub import InferenceClient\n\nclient = InferenceClient(base_url="${location.origin}/v1", api_key=os.environ["HF_TOKEN"])\nanswer = client.chat.completions.create(\n`
      + `    model=${python(model)},\n    messages=${python(messages, "    ")},\n${options})\nprint(answer.choices[0].message.content)`;
  return `curl ${location.origin}/v1/chat/completions \\\n  -H "Authorization: Bearer $HF_TOKEN" -H "Content-Type: application/json" \\\n  -d ${shell(JSON.stringify({ model, messages, ...rest }, null, 2))}`;
}
