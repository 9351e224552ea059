import { InvalidArgumentError } from 'commander'
import { roles, type Role } from '../../auth/permissions.ts'
import { UsageError } from '../../errors.ts'

export function parseRole(text: string): Role {
  const role = roles.find((one) => one === text)
  if (role === undefined) throw new InvalidArgumentError(`must be one of ${roles.join(', ')}`)
  return role
}

const mostBytes = 4096

/** The first line of standard input; never an argument, which others on the machine could read. */
export async function passwordFromInput(wanted: boolean | undefined): Promise<string | undefined> {
  if (wanted !== true) return undefined
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    if (Buffer.concat(chunks).length > mostBytes) throw new UsageError('standard input is too long for a password')
  }
  const line = Buffer.concat(chunks).toString('utf8').split(/\r?\n/, 1)[0] ?? ''
  if (line === '') throw new UsageError('there is no password on standard input')
  return line
}
