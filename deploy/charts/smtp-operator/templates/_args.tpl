{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The command line; contains only flags whose value differs from the program's default. */}}
{{- define "smtp-operator.args" -}}
- run
- --health-address=:8081
{{- if .Values.metrics.enabled }}
- --metrics-address=:{{ .Values.metrics.port }}
{{- end }}
{{- if .Values.leaderElect }}
- --leader-elect
{{- if ne (include "smtp-operator.fullname" .) .Chart.Name }}
- --lease-name={{ include "smtp-operator.fullname" . }}
{{- end }}
{{- end }}
{{- range (include "smtp-operator.namespaces" . | fromJson).names }}
- --namespace={{ . }}
{{- end }}
{{- range (.Files.Get "files/flags.yaml" | fromYaml).flags }}
{{- $value := $.Values }}
{{- range splitList "." .value }}{{ $value = index $value . }}{{ end }}
{{- if kindIs "bool" $value }}
{{- if ne (toString $value) (.default | default "false") }}
- {{ $value | ternary .flag (printf "%s=false" .flag) }}
{{- end }}
{{- else if not (kindIs "invalid" $value) }}
{{- $text := kindIs "slice" $value | ternary (join "," $value) (toString $value) }}
{{- if and $text (ne $text .default) }}
{{ list (printf "%s=%s" .flag $text) | toYaml }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.trustedCAs.name }}
- --ca-file=/etc/smtp-operator/ca/ca.crt
{{- end }}
{{- if include "smtp-operator.smtpTests" . }}
- --smtp-tests
{{- end }}
{{- if include "smtp-operator.publish" . }}
- --publish
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/* The ports of mail servers, vaults, token endpoints and, with delivery, mailboxes, as a JSON list under "ports". */}}
{{- define "smtp-operator.allowedPorts" -}}
{{- $ports := list }}
{{- range (.Files.Get "files/flags.yaml" | fromYaml).flags }}
{{- if has .value (list "allowedSmtpPorts" "allowedVaultPorts") }}
{{- $ports = concat $ports (index $.Values .value | default (splitList "," .default)) }}
{{- else if and (eq .value "delivery.allowedImapPorts") $.Values.delivery.enabled }}
{{- $ports = concat $ports ($.Values.delivery.allowedImapPorts | default (splitList "," .default)) }}
{{- end }}
{{- end }}
{{- dict "ports" $ports | toJson -}}
{{- end -}}
