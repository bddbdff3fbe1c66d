{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The operator's permissions in each served namespace. */}}
{{- define "smtp-operator.rules" -}}
- apiGroups: [smtp-operator.io]
  resources: [smtpconfigs, smtptests, smtpvaults]
  verbs: [get, list, watch]
- apiGroups: [smtp-operator.io]
  resources: [smtpconfigs/status, smtptests/status, smtpvaults/status]
  verbs: [patch]
- apiGroups: [smtp-operator.io]
  resources: [smtptests] # finished ones, after ttlAfterFinished
  verbs: [delete]
- apiGroups: [""]
  resources: [secrets, configmaps]
  {{- if eq .Values.secretWatch "none" }}
  verbs: [get]
  {{- else }}
  verbs: [get, list, watch] # Kubernetes cannot grant metadata without data
  {{- end }}
- apiGroups: [""]
  resources: [serviceaccounts] # for the annotation smtp-operator.io/allowed-audiences
  verbs: {{ if eq .Values.secretWatch "none" }}[get]{{ else }}[get, list, watch]{{ end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* The additional permissions to serve the whole cluster. */}}
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
  resources: [endpointslices] # of the API server, to which the operator refuses SMTP and vault connections
  resourceNames: [kubernetes]
  verbs: [get]
{{- end -}}

{{/* Whether SmtpTests may name a SmtpConfig; empty if not. */}}
{{- define "smtp-operator.smtpTests" -}}
{{- if or (eq .Values.smtpTests "enabled") (and (eq .Values.smtpTests "auto") (eq .Values.policies.references "deny")) -}}
true
{{- end -}}
{{- end -}}

{{/* Whether the operator publishes Secrets; empty if not. Without the policies, users could plant Secrets. */}}
{{- define "smtp-operator.publish" -}}
{{- with .Values.publish -}}
{{- if or .allNamespaces .namespaces -}}
{{- if and (eq .policies "release") (ne $.Values.policies.references "deny") -}}
{{- fail "publish requires the policies for users: set policies.references=deny, or publish.policies=external if another release installs them" -}}
{{- end -}}
{{- if and .allNamespaces (not $.Values.allNamespaces) -}}
{{- fail "publish.allNamespaces is true, but allNamespaces is false: list the served namespaces in publish.namespaces" -}}
{{- end -}}
true
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The permissions to publish Secrets. */}}
{{- define "smtp-operator.publishRules" -}}
- apiGroups: [""]
  resources: [secrets] # a policy holds the operator to those that it publishes
  verbs: [create, get, update, delete]
{{- end -}}

{{/* The end of a RoleBinding or ClusterRoleBinding; arguments: kind and name of the role, and the root. */}}
{{- define "smtp-operator.binding" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ index . 0 }}
  name: {{ index . 1 }}
subjects:
  - kind: ServiceAccount
    name: {{ include "smtp-operator.serviceAccountName" (index . 2) }}
    namespace: {{ (index . 2).Release.Namespace }}
{{- end -}}
