import { PageHeading } from '../components/heading.tsx'

export function JobsPage() {
  return <PageHeading title="Jobs" />
}
