{{/* Texts that come of values are written with toYaml, which quotes those that YAML would take for something else. */}}

{{/*
The first name of all objects. The longest that is put behind it has 14 characters; a name has up to 63. A release's name
may have dots, and a Service's none.
*/}}
{{- define "lens.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default ($full | replace "." "-") .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- end -}}

{{/* What pods are found by. Takes the root and a component: operator, agent, test. */}}
{{- define "lens.selectorLabels" -}}
{{- $name := default .root.Chart.Name .root.Values.nameOverride -}}
app.kubernetes.io/name: {{ ternary (printf "%s-agent" $name) $name (eq .component "agent") | toYaml }}
app.kubernetes.io/instance: {{ .root.Release.Name | toYaml }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/*
The metadata of pods in a template: that of all objects without the chart's version, since a new version of the chart
alone is no reason to replace them.
*/}}
{{- define "lens.podMetadata" -}}
{{- $metadata := include "lens.metadata" . | fromYaml -}}
{{- $_ := unset $metadata.labels "helm.sh/chart" -}}
{{- toYaml $metadata -}}
{{- end -}}

{{/* The metadata that all objects have but for name and namespace. Takes also labels and annotations of its own. */}}
{{- define "lens.metadata" -}}
labels:
  {{- $labels := dict
    "app.kubernetes.io/managed-by" .root.Release.Service
    "app.kubernetes.io/part-of" "lens"
    "app.kubernetes.io/version" .root.Chart.AppVersion
    "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") }}
  {{- $selector := include "lens.selectorLabels" . | fromYaml }}
  {{- merge (dict) $selector $labels (default (dict) .labels) (default (dict) .root.Values.commonLabels) | toYaml | nindent 2 }}
{{- with merge (dict) (default (dict) .annotations) (default (dict) .root.Values.commonAnnotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "lens.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "lens.scheme" -}}
{{- ternary "https" "http" (ne .Values.operator.tls.secret "") -}}
{{- end -}}

{{- define "lens.serviceName" -}}
{{- default (printf "%s-api" (include "lens.fullname" .)) .Values.service.name -}}
{{- end -}}

{{- define "lens.operator.serviceAccountName" -}}
{{- default (include "lens.fullname" .) .Values.operator.serviceAccount.name -}}
{{- end -}}

{{- define "lens.agent.name" -}}
{{- include "lens.fullname" . }}-agent
{{- end -}}

{{- define "lens.agent.namespace" -}}
{{- default .Release.Namespace .Values.agent.namespace -}}
{{- end -}}

{{- define "lens.agent.serviceAccountName" -}}
{{- $own := ternary (include "lens.agent.name" .) "default" .Values.agent.serviceAccount.create -}}
{{- default $own .Values.agent.serviceAccount.name -}}
{{- end -}}

{{- define "lens.agent.tokenSecret" -}}
{{- default (printf "%s-token" (include "lens.agent.name" .)) .Values.agent.token.existingSecret -}}
{{- end -}}

{{/*
A container's variables: its own, its settings', further ones. Takes own (YAML), prefix, settings, extra, and at, where
in the values they stand. Two of one name would be two owners of one field: server-side apply refuses that.
*/}}
{{- define "lens.env" -}}
{{- $env := fromYamlArray .own -}}
{{- range $name, $value := .settings -}}
{{- if kindIs "slice" $value -}}{{- $value = join "," $value -}}{{- end -}}
{{- /* A number as JSON has it: 1000000 would else be 1e+06. */ -}}
{{- if not (kindIs "string" $value) -}}{{- $value = toJson $value -}}{{- end -}}
{{- $env = append $env (dict "name" (printf "%s%s" $.prefix (snakecase $name | upper)) "value" $value) -}}
{{- end -}}
{{- $env = concat $env (default (list) .extra) -}}
{{- $names := list -}}
{{- range $env -}}
{{- if has .name $names -}}
{{- fail (printf "%s.extraEnv: %s is set already, by %s.settings or a value of its own" $.at .name $.at) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- toYaml $env -}}
{{- end -}}

{{/* Secrets as volumes: of their keys, or where none are named of all that they have. Takes a list in YAML. */}}
{{- define "lens.secretVolumes" -}}
{{- range fromYamlArray . }}
- name: {{ .name | toYaml }}
  secret:
    secretName: {{ .secret | toYaml }}
    {{- with .keys }}
    items:
      {{- range . }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* And where a container has them. */}}
{{- define "lens.secretVolumeMounts" -}}
{{- range fromYamlArray . }}
- name: {{ .name | toYaml }}
  mountPath: /etc/lens/{{ .name }}
  readOnly: true
{{- end }}
{{- end -}}
