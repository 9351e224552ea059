import { PageHeading } from '../components/heading.tsx'

export function SitePage() {
  return <PageHeading title="Site" />
}
