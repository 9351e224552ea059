import { PageHeading } from '../components/heading.tsx'

export function DevicesPage() {
  return <PageHeading title="Devices" />
}
