// A conversation as the call that a program would make.
const python = (value, indent = "") => {
  if (Array.isArray(value)) return `[\n${value.map((v) => `${indent}    ${python(v, `${indent}    `)},\n`).join("")}${indent}]`;
  if (value && typeof value === "object") return `{${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${python(v)}`).join(", ")}}`;
  return value === true ? "True" : value === false ? "False" : value === null ? "None" : JSON.stringify(value);
};
const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function as_code(language, call) {
  const { model, messages, prompt, ...rest } = call, options = Object.entries(rest).map(([k, v]) => `    ${k}=${python(v)},\n`).join("");
  const given = messages ? `messages=${python(messages, "    ")}` : `prompt=${python(prompt)}`;
  const method = messages ? "chat.completions" : "completions", said = messages ? "message.content" : "text";
  const made_by = (library, client) => `import os\nfrom ${library} import ${client}\n\n`
    + `client = ${client}(base_url="${location.origin}/v1", api_key=os.environ["HF_TOKEN"])\nanswer = client.${method}.create(\n`
    + `    model=${python(model)},\n    ${given},\n${options})\nprint(answer.choices[0].${said})`;
  if (language === "openai") return made_by("openai", "OpenAI");
  if (language === "hub") return made_by("huggingface_hub", "InferenceClient"); // which has chat completions alone
  return `curl ${location.origin}/v1/${method.replace(".", "/")} \\\n  -H "Authorization: Bearer $HF_TOKEN" -H "Content-Type: application/json" \\\n  -d ${shell(JSON.stringify(call, null, 2))}`;
}
