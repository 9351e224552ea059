import { PageHeading } from '../components/heading.tsx'

export function SpacePage() {
  return <PageHeading title="Space" />
}
