/** Tells how much a suite has tried, also where all went well. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
