import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { permissions, roleHas, roles, type Permission } from '../../src/auth/permissions.ts'

const page = join(import.meta.dirname, '../../docs/roles.md')

test('docs/roles.md says what permissions.ts says', () => {
  const rows = Object.entries(permissions).map(([permission, { about }]) => {
    const held = roles.map((role) => (roleHas(role, permission as Permission) ? 'yes' : ''))
    return `| ${[`\`${permission}\``, about, ...held].join(' | ')} |`
  })
  const lines = readFileSync(page, 'utf8').split('\n')
  expect(lines.filter((line) => line.startsWith('| `'))).toEqual(rows)
  expect(lines).toContain(`| permission | what for | ${roles.join(' | ')} |`)
})
