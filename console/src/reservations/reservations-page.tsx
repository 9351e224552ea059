import { PageHeading } from '../components/heading.tsx'

export function ReservationsPage() {
  return <PageHeading title="Reservations" />
}
