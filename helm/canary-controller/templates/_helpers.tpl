{{- define "canary-controller.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "canary-controller.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "canary-controller.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "canary-controller.selector" -}}
app.kubernetes.io/name: {{ include "canary-controller.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "canary-controller.labels" -}}
{{ include "canary-controller.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "canary-controller.account" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "canary-controller.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the account, since serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* How the API server knows the controller: its writes pass the admission policies. */}}
{{- define "canary-controller.user" -}}
{{- printf "system:serviceaccount:%s:%s" .Release.Namespace (include "canary-controller.account" .) -}}
{{- end -}}

{{- define "canary-controller.image" -}}
{{- $image := .Values.image -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- if $image.digest }}@{{ $image.digest }}{{ end -}}
{{- end -}}

{{- define "canary-controller.scheme" -}}
{{- if .Values.tls.existingSecret }}HTTPS{{ else }}HTTP{{ end -}}
{{- end -}}

{{/* An admission policy that was generated from the models, for the account of this release. */}}
{{- define "canary-controller.policy" -}}
{{- $known := "system:serviceaccount:canary-controller:canary-controller" -}}
{{- .root.Files.Get .file | replace $known (include "canary-controller.user" .root) -}}
{{- end -}}

{{/* Whether the gate is rendered: "true" or nothing. */}}
{{- define "canary-controller.gated" -}}
{{- $served := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- if or (eq .Values.gate.mode "Always") (and (eq .Values.gate.mode "Auto") $served) }}true{{ end -}}
{{- end -}}

{{/* Secrets by the setting's file they become: a list, as the Secrets are mounted one by one. */}}
{{- define "canary-controller.secrets" -}}
{{- $v := .Values -}}
{{- range $setting, $where := dict
  "prometheus_bearer_token" $v.prometheus.bearerToken
  "prometheus_ca" $v.prometheus.ca
  "slack_bot_token" $v.slack.botToken
  "slack_signing_secret" $v.slack.signingSecret
  "slack_webhook_url" $v.slack.webhookUrl
  "webhook_url" $v.webhook.url
  "webhook_secret" $v.webhook.secret
}}
{{- if $where.existingSecret }}
{{ $setting }}: {secret: {{ $where.existingSecret | quote }}, key: {{ $where.key | quote }}}
{{- end }}
{{- end }}
{{- end -}}
