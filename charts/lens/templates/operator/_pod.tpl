{{/* The operator's environment, and the files that it names. */}}

{{- define "lens.operator.env" -}}
- name: LENS_CLUSTER
  value: {{ .Values.cluster | toYaml }}
- name: LENS_LISTEN
  value: {{ printf "%s:8080" .Values.listenAddress | toYaml }}
- name: LENS_AUTH
  value: {{ .Values.auth.mode }}
{{- if eq .Values.auth.mode "static" }}
- name: LENS_TOKENS_FILE
  value: /etc/lens/tokens/tokens.yaml
{{- end }}
{{- if .Values.operator.tls.secret }}
- name: LENS_TLS_CERT_FILE
  value: /etc/lens/tls/tls.crt
- name: LENS_TLS_KEY_FILE
  value: /etc/lens/tls/tls.key
{{- end }}
{{- if .Values.operator.peers.secret }}
- name: LENS_PEERS
  value: /etc/lens/peers/peers.yaml
{{- end }}
- name: LENS_TELEMETRY
  value: {{ .Values.telemetry.source }}
{{- if eq .Values.telemetry.source "agent" }}
- name: LENS_TELEMETRY_NAMESPACE
  value: {{ include "lens.agent.namespace" . | toYaml }}
- name: LENS_TELEMETRY_SELECTOR
  {{- $labels := list }}
  {{- range $name, $value := include "lens.selectorLabels" (dict "root" . "component" "agent") | fromYaml }}
  {{- $labels = append $labels (printf "%s=%s" $name $value) }}
  {{- end }}
  value: {{ join "," $labels | toYaml }}
- name: LENS_TELEMETRY_DAEMONSET
  value: {{ include "lens.agent.name" . | toYaml }}
- name: LENS_TELEMETRY_PORT
  value: {{ .Values.agent.port | quote }}
- name: LENS_TELEMETRY_TOKEN_FILE
  value: /etc/lens/agent/token
{{- if .Values.agent.tls.secret }}
- name: LENS_TELEMETRY_CA_FILE
  value: /etc/lens/agent-ca/ca.crt
- name: LENS_TELEMETRY_SERVER_NAME
  value: {{ .Values.agent.tls.serverName | toYaml }}
{{- end }}
{{- else if ne .Values.telemetry.source "none" }}
- name: LENS_TELEMETRY_NAMESPACE
  value: {{ .Values.telemetry.exporter.namespace | toYaml }}
- name: LENS_TELEMETRY_SELECTOR
  value: {{ .Values.telemetry.exporter.selector | toYaml }}
{{- with .Values.telemetry.exporter.daemonset }}
- name: LENS_TELEMETRY_DAEMONSET
  value: {{ . | toYaml }}
{{- end }}
- name: LENS_TELEMETRY_PORT
  value: {{ .Values.telemetry.exporter.port | quote }}
{{- end }}
{{- end -}}

{{/* The Secrets' keys that the pods mount. The kubelet reports a missing one. */}}
{{- define "lens.operator.secrets" -}}
{{- if eq .Values.auth.mode "static" }}
- {name: tokens, secret: {{ .Values.auth.tokensSecret | toYaml }}, keys: [tokens.yaml]}
{{- end }}
{{- with .Values.operator.tls.secret }}
- {name: tls, secret: {{ . | toYaml }}, keys: [tls.crt, tls.key]}
{{- end }}
{{- with .Values.operator.peers.secret }}
- {name: peers, secret: {{ . | toYaml }}, keys: []}
{{- end }}
{{- if eq .Values.telemetry.source "agent" }}
- {name: agent, secret: {{ include "lens.agent.tokenSecret" . | toYaml }}, keys: [token]}
{{- with .Values.agent.tls }}
{{- if .secret }}
- {name: agent-ca, secret: {{ default .secret .caSecret | toYaml }}, keys: [ca.crt]}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
