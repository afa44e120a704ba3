{{/* The agent's environment, and the files that it names. */}}

{{- define "lens.agent.env" -}}
- name: LENS_AGENT_NODE
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: LENS_AGENT_LISTEN
  value: {{ printf "%s:%v" .Values.listenAddress .Values.agent.port | toYaml }}
- name: LENS_AGENT_TOKEN_FILE
  value: /etc/lens/agent/token
- name: LENS_AGENT_PODRESOURCES_SOCKET
  value: /var/lib/kubelet/pod-resources/kubelet.sock
{{- if .Values.agent.tls.secret }}
- name: LENS_AGENT_TLS_CERT_FILE
  value: /etc/lens/tls/tls.crt
- name: LENS_AGENT_TLS_KEY_FILE
  value: /etc/lens/tls/tls.key
{{- end }}
{{- with .Values.agent.nvidia.visibleDevices }}
- name: NVIDIA_VISIBLE_DEVICES
  value: {{ . | toYaml }}
{{- end }}
{{- with .Values.agent.nvidia.driverCapabilities }}
- name: NVIDIA_DRIVER_CAPABILITIES
  value: {{ . | toYaml }}
{{- end }}
{{- with .Values.agent.nvidia.migMonitorDevices }}
- name: NVIDIA_MIG_MONITOR_DEVICES
  value: {{ . | toYaml }}
{{- end }}
{{- end -}}

{{- define "lens.agent.secrets" -}}
- {name: agent, secret: {{ include "lens.agent.tokenSecret" . | toYaml }}, keys: [token]}
{{- with .Values.agent.tls.secret }}
- {name: tls, secret: {{ . | toYaml }}, keys: [tls.crt, tls.key]}
{{- end }}
{{- end -}}

{{- define "lens.agent.volumes" -}}
{{- include "lens.secretVolumes" (include "lens.agent.secrets" .) }}
- name: pod-resources
  hostPath:
    path: {{ .Values.agent.kubeletRootDir }}/pod-resources
    type: Directory
{{- if .Values.agent.nvidia.volumeMounts }}
- name: nvidia-devices
  hostPath:
    path: /dev/null
{{- end }}
{{- end -}}

{{- define "lens.agent.volumeMounts" -}}
{{- include "lens.secretVolumeMounts" (include "lens.agent.secrets" .) }}
- name: pod-resources
  mountPath: /var/lib/kubelet/pod-resources
  readOnly: true
{{- if .Values.agent.nvidia.volumeMounts }}
- name: nvidia-devices
  mountPath: /var/run/nvidia-container-devices/all
  readOnly: true
{{- end }}
{{- end -}}
