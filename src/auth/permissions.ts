/**
 * What each role may do: the one table, printed into docs/roles.md. Scopes of API keys are permissions too.
 */
export const roles = ['owner', 'admin', 'operator', 'viewer', 'driver'] as const
export type Role = (typeof roles)[number]

/** Who may have it, the least of them last. */
export const permissions = {
  'places:read': {
    about: 'see sites, zones and spaces with their state and why',
    roles: ['owner', 'admin', 'operator', 'viewer', 'driver'],
  },
  'places:write': { about: 'make, change, import and delete sites, zones and spaces', roles: ['owner', 'admin'] },
  'overrides:write': { about: 'block spaces and take them out of service', roles: ['owner', 'admin', 'operator'] },
  'reservations:read': {
    about: 'see when spaces are booked, and the own reservations',
    roles: ['owner', 'admin', 'operator', 'viewer', 'driver'],
  },
  'reservations:write': {
    about: 'reserve spaces, and use, extend and cancel the own reservations',
    roles: ['owner', 'admin', 'operator', 'driver'],
  },
  'reservations:manage': {
    about: "see and change everybody's reservations, and have more open ones than the policy allows drivers",
    roles: ['owner', 'admin', 'operator'],
  },
  'devices:read': {
    about: 'see devices, gateways, assignments and the orphan inbox',
    roles: ['owner', 'admin', 'operator', 'viewer'],
  },
  'devices:write': {
    about: 'make, assign, claim and delete devices and gateways, and give and end their secrets',
    roles: ['owner', 'admin', 'operator'],
  },
  'readings:read': {
    about: 'search the log of readings, and see which messages made a space show what it shows',
    roles: ['owner', 'admin', 'operator'],
  },
  'readings:redrive': {
    about: 'have dead letters redriven, once their cause is mended',
    roles: ['owner', 'admin', 'operator'],
  },
  'policies:read': { about: 'see policies and their versions', roles: ['owner', 'admin', 'operator', 'viewer'] },
  'policies:write': { about: 'change policies', roles: ['owner', 'admin'] },
  'dashboard:read': { about: 'see the dashboard', roles: ['owner', 'admin', 'operator', 'viewer'] },
  'parking-sessions:read': {
    about: 'see parking sessions',
    roles: ['owner', 'admin', 'operator', 'viewer'],
  },
  'jobs:read': {
    about: 'see how the jobs of the installation stand',
    roles: ['owner', 'admin', 'operator'],
  },
  'members:read': { about: 'see members and invites', roles: ['owner', 'admin'] },
  'members:write': {
    about: 'invite members, change their roles, remove them; nobody above the own role',
    roles: ['owner', 'admin'],
  },
  'api-keys:read': { about: 'see API keys, never their secrets', roles: ['owner', 'admin'] },
  'api-keys:write': { about: 'make and revoke API keys', roles: ['owner', 'admin'] },
  'audit:read': { about: 'read the audit log', roles: ['owner', 'admin'] },
  'tenant:read': { about: "see the tenant's own settings", roles: ['owner', 'admin', 'operator', 'viewer', 'driver'] },
  'tenant:write': { about: "change the tenant's own settings", roles: ['owner', 'admin'] },
  'tenant:erase': { about: 'erase the tenant', roles: ['owner'] },
} as const satisfies Record<string, { about: string; roles: readonly Role[] }>

export type Permission = keyof typeof permissions

export function roleHas(role: Role, permission: Permission): boolean {
  const holders: readonly Role[] = permissions[permission].roles
  return holders.includes(role)
}

/** The first permission of the role that is not among the scopes; undefined where none is missing. */
export function missingFor(role: Role, scopes: readonly string[]): Permission | undefined {
  const all = Object.keys(permissions) as Permission[]
  return all.find((permission) => roleHas(role, permission) && !scopes.includes(permission))
}

/** Whether `role` may be given, and taken, by whoever has `own`. */
export function isAtMost(role: Role, own: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(own)
}
