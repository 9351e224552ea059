import { PageHeading } from '../components/heading.tsx'

export function OverviewPage() {
  return <PageHeading title="Overview" />
}
