import type { Clock } from '../../clock.ts'
import { PolicyCache } from '../../store/policies.ts'
import { SpaceMemory } from '../../store/space-lock.ts'
import type { Api } from '../app.ts'
import type { SignedInOptions } from '../signed-in.ts'
import { addOverrideRoutes } from './overrides.ts'
import { addPolicyRoutes } from './policies.ts'
import { addReservationRoutes } from './reservations.ts'
import { addSiteRoutes } from './sites.ts'
import { addSpaceFileRoutes } from './space-files.ts'
import { addSpaceRoutes } from './spaces.ts'
import { addZoneRoutes } from './zones.ts'

/** Sites, zones, spaces, and what is said of them: policies, overrides and reservations. */
export function addPlaceRoutes(app: Api, { clock, ...options }: SignedInOptions & { clock: Clock }): void {
  const stepping = { memory: { policies: new PolicyCache(), spaces: new SpaceMemory() }, clock }
  addSiteRoutes(app, options)
  addZoneRoutes(app, options)
  addSpaceFileRoutes(app, options)
  addSpaceRoutes(app, { ...options, stepping })
  addPolicyRoutes(app, options)
  addOverrideRoutes(app, { ...options, stepping })
  addReservationRoutes(app, { ...options, stepping })
}
