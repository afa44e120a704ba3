package main

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
)

var gpuNames = []corev1.ResourceName{"nvidia.com/gpu", "amd.com/gpu"}

// sums holds the GPUs of each node: what its pods hold and what it offers.
type sums struct {
	mu          sync.Mutex
	allocated   map[string]int64
	allocatable map[string]int64
}

func newSums() *sums {
	return &sums{allocated: map[string]int64{}, allocatable: map[string]int64{}}
}

func (s *sums) hold(pod *corev1.Pod)    { s.change(s.allocated, pod.Spec.NodeName, request(pod)) }
func (s *sums) release(pod *corev1.Pod) { s.change(s.allocated, pod.Spec.NodeName, -request(pod)) }
func (s *sums) offer(node *corev1.Node) {
	s.change(s.allocatable, node.Name, gpus(node.Status.Allocatable))
}
func (s *sums) withdraw(node *corev1.Node) {
	s.change(s.allocatable, node.Name, -gpus(node.Status.Allocatable))
}

func (s *sums) change(byNode map[string]int64, node string, by int64) {
	if node == "" || by == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	byNode[node] += by
	if byNode[node] == 0 {
		delete(byNode, node)
	}
}

func (s *sums) totals() (allocated, allocatable int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, held := range s.allocated {
		allocated += held
	}
	for _, offered := range s.allocatable {
		allocatable += offered
	}
	return allocated, allocatable
}

func gpus(resources corev1.ResourceList) (sum int64) {
	for _, name := range gpuNames {
		quantity := resources[name]
		sum += quantity.Value()
	}
	return sum
}

// request is a pod's effective request: the most that it needs at once, while its init containers run one after
// another or when its containers run; sidecars run beside both (KEP-753).
func request(pod *corev1.Pod) int64 {
	var sidecars, peak int64
	for _, container := range pod.Spec.InitContainers {
		asked := gpus(container.Resources.Requests)
		peak = max(peak, sidecars+asked)
		if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			sidecars += asked
		}
	}
	running := sidecars
	for _, container := range pod.Spec.Containers {
		running += gpus(container.Resources.Requests)
	}
	return max(running, peak)
}
