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
app.kubernetes.io/name: {{ include "canary-controller.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "canary-controller.labels" -}}
{{ include "canary-controller.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | quote }}
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

{{/* What the process would refuse at its start is refused here. */}}
{{- define "canary-controller.fits" -}}
{{- $slack := .Values.slack -}}
{{- $hook := .Values.webhook -}}
{{- if and $slack.users (not $slack.signingSecret.existingSecret) }}
{{- fail "slack.signingSecret.existingSecret: name it, since slack.users is given, or leave both out" }}
{{- end }}
{{- if and $slack.signingSecret.existingSecret (not $slack.users) }}
{{- fail "slack.users: say which Kubernetes user each Slack user is, since slack.signingSecret is given, or leave both out" }}
{{- end }}
{{- if and $slack.botToken.existingSecret $slack.webhookUrl.existingSecret }}
{{- fail "slack.botToken and slack.webhookUrl are both given, and every message would come twice; leave one of them out" }}
{{- end }}
{{- if and $slack.botToken.existingSecret (not .Values.controller.slackChannel) }}
{{- fail "controller.slackChannel: name the channel of what has no other, since slack.botToken is given" }}
{{- end }}
{{- if and $slack.channels (not $slack.botToken.existingSecret) }}
{{- fail "slack.channels: channels are the bot's; give slack.botToken.existingSecret, or leave them out" }}
{{- end }}
{{- if ne (empty $hook.url.existingSecret) (empty $hook.secret.existingSecret) }}
{{- fail "webhook.url and webhook.secret belong together; give both or none" }}
{{- end }}
{{- end -}}

{{/*
Further environment of the container. The API server is never asked through a proxy: the client obeys
HTTPS_PROXY, and knows no networks in NO_PROXY, so its address is put there as it stands. The kubelet
fills it in.
*/}}
{{- define "canary-controller.extraEnv" -}}
{{- $server := "$(KUBERNETES_SERVICE_HOST)" -}}
{{- $found := list -}}
{{- $names := list -}}
{{- range .Values.extraEnv -}}
{{- $names = append $names (upper .name) -}}
{{- if and (eq (upper .name) "NO_PROXY") .value -}}
{{- $found = append $found (merge (dict "value" (printf "%s,%s" $server .value)) .) -}}
{{- else -}}
{{- $found = append $found . -}}
{{- end -}}
{{- end -}}
{{- if and (has "HTTPS_PROXY" $names) (not (has "NO_PROXY" $names)) -}}
{{- $found = append $found (dict "name" "NO_PROXY" "value" $server) -}}
{{- end -}}
{{- if $found }}{{ toYaml $found }}{{ end -}}
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
