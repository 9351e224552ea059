import { useServices } from '../services.ts'
import { localTime } from '../times.ts'

/** That the API is gone, once for the whole page. What was read stays where it is. */
export function ConnectionBanner() {
  const { connection } = useServices()
  if (connection.lostSince.value === undefined) return null
  return (
    <div class="banner" role="alert">
      The API does not answer; what you see is of {localTime(connection.lastAnswer.value)}. Trying again.
      <button type="button" onClick={() => connection.tryNow()}>
        Try now
      </button>
    </div>
  )
}
