{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The name of all objects: the release's name, plus the chart's name unless already contained. */}}
{{- define "smtp-operator.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The selector labels of this release's Pods; they never change. */}}
{{- define "smtp-operator.selector" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The name of the operator's ServiceAccount. */}}
{{- define "smtp-operator.serviceAccountName" -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.create is false, but serviceAccount.name is empty: set it to the name of an existing ServiceAccount" -}}
{{- end -}}
{{- .Values.serviceAccount.name | default (include "smtp-operator.fullname" .) -}}
{{- end -}}

{{- define "smtp-operator.labels" -}}
{{ include "smtp-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "smtp-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The served namespaces, as a JSON list under "names"; empty: all. */}}
{{- define "smtp-operator.namespaces" -}}
{{- if .Values.allNamespaces -}}
{{- if .Values.namespaces -}}
{{- fail "namespaces is set, but allNamespaces is true: set allNamespaces=false to serve only these namespaces" -}}
{{- end -}}
{{- dict "names" list | toJson -}}
{{- else -}}
{{- if .Values.excludedNamespaces -}}
{{- fail "excludedNamespaces is set, but allNamespaces is false: remove it, since only the namespaces in namespaces are served" -}}
{{- end -}}
{{- dict "names" (.Values.namespaces | default (list .Release.Namespace)) | toJson -}}
{{- end -}}
{{- end -}}
