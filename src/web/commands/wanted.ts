/** A schema's message without what comes before the thing that was wanted. */
export function wanted(message: string): string {
  return message.replace(/^(?:Invalid \w+: )?expected /, '').replace(/, received .*$/, '')
}
