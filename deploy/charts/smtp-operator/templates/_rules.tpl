{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* What the operator may do in each namespace that it serves. */}}
{{- define "smtp-operator.rules" -}}
- apiGroups: [smtp-operator.io]
  resources: [smtpconfigs, smtpvaults]
  verbs: [get, list, watch]
- apiGroups: [smtp-operator.io]
  resources: [smtpconfigs/status, smtpvaults/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [secrets, configmaps]
  {{- if eq .Values.secretWatch "none" }}
  verbs: [get]
  {{- else }}
  verbs: [get, list, watch] # Kubernetes cannot grant their metadata without their data
  {{- end }}
- apiGroups: [""]
  resources: [serviceaccounts] # their annotation smtp-operator.io/allowed-audiences
  verbs: {{ if eq .Values.secretWatch "none" }}[get]{{ else }}[get, list, watch]{{ end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* What it may do besides where it serves the whole cluster. */}}
{{- define "smtp-operator.clusterRules" -}}
- apiGroups: [smtp-operator.io]
  resources: [clustersmtpvaults]
  verbs: [get, list, watch]
- apiGroups: [smtp-operator.io]
  resources: [clustersmtpvaults/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [namespaces] # for allowedNamespaces.matchLabels of a ClusterSmtpVault
  verbs: [get]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices] # of the API server, which no object may have the operator connect to
  resourceNames: [kubernetes]
  verbs: [get]
{{- end -}}

{{/* A RoleBinding or ClusterRoleBinding's end: kind of the role, its name, and the root. */}}
{{- define "smtp-operator.binding" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ index . 0 }}
  name: {{ index . 1 }}
subjects:
  - kind: ServiceAccount
    name: {{ include "smtp-operator.fullname" (index . 2) }}
    namespace: {{ (index . 2).Release.Namespace }}
{{- end -}}
