/** Bytes for people to look at: where they are, what they are, and those of them that are printable ASCII. */
export function hexDump(hex: string, { perLine = 16 }: { perLine?: number } = {}): string {
  const bytes = hex.match(/[\da-f]{2}/gi) ?? []
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += perLine) {
    const line = bytes.slice(at, at + perLine)
    const shown = line.join(' ').padEnd(perLine * 3 - 1)
    lines.push(`${at.toString(16).padStart(4, '0')}  ${shown}  ${line.map(printable).join('')}`)
  }
  return lines.join('\n')
}

function printable(byte: string): string {
  const code = Number.parseInt(byte, 16)
  return code >= 0x20 && code <= 0x7e ? String.fromCodePoint(code) : '.'
}

/** JSON with line breaks; anything else as it is. Numbers keep their digits: it is not parsed and printed anew. */
export function indented(text: string): string {
  try {
    JSON.parse(text)
  } catch {
    return text
  }
  let depth = 0
  let out = ''
  if (/^[^"]*(?:[[{]\s*){20}/.test(text)) return text
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === '{' || token === '[') out += `${token}\n${'  '.repeat(++depth)}`
    else if (token === '}' || token === ']') out += `\n${'  '.repeat(--depth)}${token}`
    else if (token === ',') out += `,\n${'  '.repeat(depth)}`
    else out += token === ':' ? ': ' : token
  }
  return out.replaceAll(/([{[])\n\s*\n\s*([}\]])/g, '$1$2')
}
