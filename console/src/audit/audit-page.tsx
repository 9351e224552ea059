import { PageHeading } from '../components/heading.tsx'

export function AuditPage() {
  return <PageHeading title="Audit" />
}
