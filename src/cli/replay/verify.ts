import { verify } from '../../replay/verify.ts'
import type { OpenDatabase } from '../open.ts'
import type { Terminal } from '../terminal.ts'
import { tenantIdOf } from './options.ts'

export async function runVerify(
  database: OpenDatabase,
  { tenant, json, terminal }: { tenant: string | undefined; json: boolean; terminal: Terminal },
): Promise<void> {
  const verification = await verify(database.system('baywire replay', { statementTimeoutMs: 0 }), {
    tenantId: await tenantIdOf(database, tenant),
    onProgress: (done, of) => terminal.progress(`${done} of ${of} spaces`),
  })
  const { spaces, inputs, first_difference: difference } = verification
  if (json) terminal.print(JSON.stringify(verification))
  else if (difference === null) terminal.print(`equal: ${inputs} inputs of ${spaces} spaces`)
  else terminal.print(`DIFFERENT: ${JSON.stringify(difference, null, 2)}`)
  if (difference !== null) process.exitCode = 1
}
