{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The command line; contains only flags whose value differs from the program's default. */}}
{{- define "smtp-operator.args" -}}
- run
- --health-address=:8081
{{- if .Values.metrics.enabled }}
- --metrics-address=:{{ .Values.metrics.port }}
{{- if not .Values.metrics.objectNames }}
- --metrics-object-names=false
{{- end }}
{{- end }}
{{- if .Values.leaderElect }}
- --leader-elect
{{- if ne (include "smtp-operator.fullname" .) "smtp-operator" }}
- --lease-name={{ include "smtp-operator.fullname" . }}
{{- end }}
{{- end }}
{{- range (include "smtp-operator.namespaces" . | fromJson).names }}
- --namespace={{ . }}
{{- end }}
{{- with .Values.excludedNamespaces }}
- --exclude-namespace={{ join "," . }}
{{- end }}
{{- if ne .Values.secretWatch "metadata" }}
- --secret-watch={{ .Values.secretWatch }}
{{- end }}
{{- if .Values.requireAllowedServers }}
- --require-allowed-servers
{{- end }}
{{- with .Values.allowedNetworks }}
- --allow-network={{ join "," . }}
{{- end }}
{{- with .Values.deniedNetworks }}
- --deny-network={{ join "," . }}
{{- end }}
{{- with join "," .Values.allowedSmtpPorts | ne "25,465,587,2465,2525,2587" }}
- --allow-smtp-port={{ join "," $.Values.allowedSmtpPorts }}
{{- end }}
{{- with join "," .Values.allowedVaultPorts | ne "443,8200,8443" }}
- --allow-vault-port={{ join "," $.Values.allowedVaultPorts }}
{{- end }}
{{- with .Values.allowedRecipientDomains }}
- --allow-recipient-domain={{ join "," . }}
{{- end }}
{{- with .Values.allowedAuthorityHosts }}
- --allow-authority-host={{ join "," . }}
{{- end }}
{{- with .Values.allowedKeyVaultHosts }}
- --allow-key-vault-host={{ join "," . }}
{{- end }}
{{- if .Values.trustedCAs.name }}
- --ca-file=/etc/smtp-operator/ca/ca.crt
{{- end }}
{{- with .Values.httpsProxy }}
- --https-proxy={{ . }}
{{- end }}
{{- with .Values.noProxy }}
- --no-proxy={{ join "," . }}
{{- end }}
{{- if ne (int .Values.maxConnectionsPerDestination) 5 }}
- --max-connections-per-destination={{ .Values.maxConnectionsPerDestination }}
{{- end }}
{{- if ne (int .Values.maxTests) 400 }}
- --max-tests={{ .Values.maxTests }}
{{- end }}
{{- if ne (int .Values.maxTestsPerNamespace) 100 }}
- --max-tests-per-namespace={{ .Values.maxTestsPerNamespace }}
{{- end }}
{{- if ne (int .Values.maxEmailsPerNamespace) 120 }}
- --max-emails-per-namespace={{ .Values.maxEmailsPerNamespace }}
{{- end }}
{{- if ne (int .Values.maxEmailsPerMailbox) 600 }}
- --max-emails-per-mailbox={{ .Values.maxEmailsPerMailbox }}
{{- end }}
{{- if ne (int .Values.maxRejectedLogins) 5 }}
- --max-rejected-logins={{ .Values.maxRejectedLogins }}
{{- end }}
{{- with .Values.clusterName }}
- --cluster-name={{ . }}
{{- end }}
{{- with .Values.docsURL }}
- --docs-url={{ . }}
{{- end }}
{{- with .Values.heloName }}
- --helo-name={{ . }}
{{- end }}
{{- if ne .Values.logFormat "json" }}
- --log-format={{ .Values.logFormat }}
{{- end }}
{{- if ne .Values.logLevel "info" }}
- --log-level={{ .Values.logLevel }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}
