import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { Live } from './live/live.ts'
import type { Navigation } from './navigation.ts'
import { Connection } from './requests/connection.ts'
import { createRequests, type Requests } from './requests/requests.ts'
import { Session } from './session/session.ts'

/** What every page works with; made once, in main.tsx. */
export interface Services {
  navigation: Navigation
  connection: Connection
  session: Session
  api: Requests['api']
  send: Requests['send']
  live: Live
}

export function createServices(navigation: Navigation): Services {
  const connection = new Connection()
  const session = new Session(connection)
  const requests = createRequests({ credentials: session, connection })
  return { navigation, connection, session, ...requests, live: new Live({ session, requests, connection }) }
}

const context = createContext<Services | undefined>(undefined)
export const ServicesProvider = context.Provider

export function useServices(): Services {
  const services = useContext(context)
  if (services === undefined) throw new Error('there are no services here')
  return services
}
