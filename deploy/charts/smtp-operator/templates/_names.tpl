{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* What all objects are called: the release's name, with ours where it does not hold it. */}}
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

{{/* What tells the Pods of this release from others; never changes. */}}
{{- define "smtp-operator.selector" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
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

{{/* The namespaces that are served, as a JSON list under "names"; none: all of them. */}}
{{- define "smtp-operator.namespaces" -}}
{{- if .Values.allNamespaces -}}
{{- if .Values.namespaces -}}
{{- fail "namespaces are named, but allNamespaces is true: set allNamespaces=false to serve only these" -}}
{{- end -}}
{{- dict "names" list | toJson -}}
{{- else -}}
{{- if .Values.excludedNamespaces -}}
{{- fail "excludedNamespaces are named, but allNamespaces is false: only what namespaces names is served then" -}}
{{- end -}}
{{- dict "names" (.Values.namespaces | default (list .Release.Namespace)) | toJson -}}
{{- end -}}
{{- end -}}
