import type { ComponentType } from 'preact'
import type { Permission } from '../../src/auth/permissions.ts'
import { AuditPage } from './audit/audit-page.tsx'
import { DevicePage } from './devices/device-page.tsx'
import { DevicesPage } from './devices/devices-page.tsx'
import { JobsPage } from './jobs/jobs-page.tsx'
import { MessagesPage } from './messages/messages-page.tsx'
import { OverviewPage } from './overview/overview-page.tsx'
import { ReservationsPage } from './reservations/reservations-page.tsx'
import { SitePage } from './site/site-page.tsx'
import { SitesPage } from './site/sites-page.tsx'
import { SpacePage } from './space/space-page.tsx'

/**
 * All pages of the console. The server gives the same document for each of these paths: a new first segment is named in
 * src/api/routes/console.ts as well.
 */
export interface Page {
  /** `/spaces/:id` has one parameter; there is no more than that. */
  path: string
  title: string
  /** In the navigation. */
  listed: boolean
  /** Without it the page is not listed, and says what is missing. */
  permission: Permission
  component: ComponentType<PageProps>
}

export interface PageProps {
  /** The last segment of a path with `:id`; otherwise empty. */
  id: string
}

export const pages: readonly Page[] = [
  { path: '/', title: 'Overview', listed: true, permission: 'dashboard:read', component: OverviewPage },
  { path: '/sites', title: 'Sites', listed: true, permission: 'places:read', component: SitesPage },
  { path: '/sites/:id', title: 'Site', listed: false, permission: 'places:read', component: SitePage },
  { path: '/spaces/:id', title: 'Space', listed: false, permission: 'places:read', component: SpacePage },
  { path: '/messages', title: 'Messages', listed: true, permission: 'readings:read', component: MessagesPage },
  { path: '/devices', title: 'Devices', listed: true, permission: 'devices:read', component: DevicesPage },
  { path: '/devices/:id', title: 'Device', listed: false, permission: 'devices:read', component: DevicePage },
  {
    path: '/reservations',
    title: 'Reservations',
    listed: true,
    permission: 'reservations:read',
    component: ReservationsPage,
  },
  { path: '/jobs', title: 'Jobs', listed: true, permission: 'jobs:read', component: JobsPage },
  { path: '/audit', title: 'Audit', listed: true, permission: 'audit:read', component: AuditPage },
]

export function findPage(path: string): { page: Page; id: string } | undefined {
  for (const page of pages) {
    if (page.path === path) return { page, id: '' }
    const prefix = page.path.endsWith('/:id') ? page.path.slice(0, -':id'.length) : undefined
    const id = prefix !== undefined && path.startsWith(prefix) ? path.slice(prefix.length) : ''
    if (id !== '' && !id.includes('/')) return { page, id: decoded(id) }
  }
  return undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
