const KEY = 'tokenizer.chat_template'

/** `default`, or what the template of a GGUF key is for, such as `tool_use`. */
export function templateName(key: string): string {
  return key.slice(KEY.length + 1) || 'default'
}
