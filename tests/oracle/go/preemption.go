package main

import (
	"context"

	v1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultpreemption"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
)

// victims returns the pods that preemption would evict on each node for a pod that doesn't fit; none for a node on
// which that doesn't help. There are no PodDisruptionBudgets.
func victims(ctx context.Context, profiled framework.Framework, pod *v1.Pod, state fwk.CycleState, unfit fwk.NodeToStatusReader) (map[string][]string, error) {
	// The defaults; they only say how many candidates are enough.
	args := &config.DefaultPreemptionArgs{MinCandidateNodesPercentage: 10, MinCandidateNodesAbsolute: 100}
	features := feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate)
	plugin, err := defaultpreemption.New(ctx, args, profiled, features)
	if err != nil {
		return nil, err
	}
	nodes, err := unfit.NodesForStatusCode(profiled.SnapshotSharedLister().NodeInfos(), fwk.Unschedulable)
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, node := range nodes {
		possible, err := plugin.Evaluator.GetVictimsOnNode(ctx, node)
		if err != nil {
			return nil, err
		}
		pods, _, status := plugin.SelectVictimsOnNode(ctx, state.Clone(), pod, node.Snapshot(), possible, nil)
		if !status.IsSuccess() {
			continue
		}
		names := []string{}
		for _, victim := range pods {
			names = append(names, victim.Name)
		}
		found[node.Node().Name] = names
	}
	return found, nil
}
