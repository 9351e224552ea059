/** What commands say to people and machines: results on standard output, progress on a terminal only. */
export interface Terminal {
  /** A line of the result. */
  print(text: string): void
  /** Replaces the line of progress; nothing where standard error is no terminal. */
  progress(text: string): void
  /** A line that a person should see and a machine does not parse. */
  note(text: string): void
}

interface Output {
  write(text: string): unknown
  isTTY?: boolean
}

/** Back to the first column, and erase the line. */
const clearLine = '\r\u001b[2K'

export function createTerminal({ out, error }: { out: Output; error: Output }): Terminal {
  let shown = false
  const clear = () => {
    if (shown) error.write(clearLine)
    shown = false
  }
  return {
    print(text) {
      clear()
      out.write(`${text}\n`)
    },
    progress(text) {
      if (error.isTTY !== true) return
      error.write(`${clearLine}${text}`)
      shown = true
    },
    note(text) {
      clear()
      error.write(`${text}\n`)
    },
  }
}

/**
 * A line of JSON that a terminal may be given too: what it would obey, or what turns the direction of writing, is escaped. To
 * whoever parses it, it is the same.
 */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, index) => escaped(character.charCodeAt(index))).join(''),
  )
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return createTerminal({ out: process.stdout, error: process.stderr })
}

/** What a person should know while a command starts: not part of its result, and not repeated. */
export function announce(message: string): void {
  process.stderr.write(`${message}\n`)
}
