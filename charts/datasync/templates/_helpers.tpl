{{- define "datasync.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "datasync.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "datasync.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "datasync.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "datasync.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "datasync.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: datasync
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "datasync.image" -}}
{{- printf "%s:%s" .image.repository (default .appVersion .image.tag) -}}
{{- end -}}

{{/* The name of the Secret that the operator makes for itself; in no template, or each render would differ. */}}
{{- define "datasync.exchangeKeySecret" -}}
{{- printf "%s-exchange-key" (include "datasync.fullname" .) -}}
{{- end -}}

{{/* What the operator may do in a namespace that it serves: each rule is a call that it makes. */}}
{{- define "datasync.namespacedRules" -}}
- apiGroups: [datasync.dev]
  resources: [datasyncagents, datasynclocations, datasynctasks]
  verbs: [get, list, watch]
- apiGroups: [datasync.dev]
  resources: [datasynctaskexecutions] # create: schedules and triggers; patch: its finalizer; delete: history limits
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [datasync.dev]
  resources: [datasyncagents/status, datasynclocations/status, datasynctasks/status, datasynctaskexecutions/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods] # why a runner does not start, and its last words
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events] # why a volume can't be mounted
  verbs: [list]
- apiGroups: [""]
  resources: [configmaps] # the plan of a run
  verbs: [create]
- apiGroups: [""]
  resources: [secrets] # the token of a run, and the key of this install: never read
  verbs: [create]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [create, delete]
{{- end -}}
