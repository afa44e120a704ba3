package main

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// selectorCase is a selector and a device to try it on.
type selectorCase struct {
	Expression string              `json:"expression"`
	Driver     string              `json:"driver"`
	Device     *resourceapi.Device `json:"device"`
}

// selectorAnswer is what Kubernetes' own compiler says.
type selectorAnswer struct {
	Matches bool `json:"matches"`
	// Compile is why there is no program, Error why it has no result.
	Compile string `json:"compile,omitempty"`
	Error   string `json:"error,omitempty"`
}

func trySelectors(cases []selectorCase) []selectorAnswer {
	// The features that are on by default in 1.37.
	compiler := cel.GetCompiler(cel.Features{EnableConsumableCapacity: true})
	compiled := map[string]cel.CompilationResult{}
	answers := make([]selectorAnswer, len(cases))
	for i, each := range cases {
		program, known := compiled[each.Expression]
		if !known {
			program = compiler.CompileCELExpression(each.Expression, cel.Options{DisableCostEstimation: true})
			compiled[each.Expression] = program
		}
		if program.Error != nil {
			answers[i].Compile = program.Error.Error()
			continue
		}
		for name, capacity := range each.Device.Capacity {
			// Comparisons cache a form in what they compare.
			capacity.Value = resource.MustParse(capacity.Value.String())
			each.Device.Capacity[name] = capacity
		}
		matches, _, err := program.DeviceMatches(context.Background(), cel.Device{
			Driver:                   each.Driver,
			AllowMultipleAllocations: each.Device.AllowMultipleAllocations,
			Attributes:               each.Device.Attributes,
			Capacity:                 each.Device.Capacity,
		})
		answers[i].Matches = matches
		if err != nil {
			answers[i].Error = err.Error()
		}
	}
	return answers
}

// reserve has the plugins reserve a node for a pod, and its claims allocated as once the pod is bound. It returns
// the devices of all claims but the one that is made for extended resources, which stays in flight.
func reserve(ctx context.Context, sched *scheduler.Scheduler, pod *v1.Pod, state *framework.CycleState, node string) ([]string, error) {
	profiled := sched.Profiles[pod.Spec.SchedulerName]
	if status := profiled.RunReservePluginsReserve(ctx, state, pod, node); !status.IsSuccess() {
		return nil, errors.New(status.Message())
	}
	claims := profiled.SharedDRAManager().ResourceClaims()
	var devices []string
	for i := range pod.Spec.ResourceClaims {
		name, _, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i])
		if err != nil {
			return nil, err
		}
		if name == nil {
			continue
		}
		claim, err := claims.Get(pod.Namespace, *name)
		if err != nil {
			return nil, err
		}
		allocation := claims.GetPendingAllocation(claim.UID)
		if allocation == nil {
			continue
		}
		claim = claim.DeepCopy()
		claim.Status.Allocation = allocation
		if err := claims.AssumeClaimAfterAPICall(claim); err != nil {
			return nil, err
		}
		claims.MaybeRemoveClaimPendingAllocation(claim.UID, true)
		for _, result := range allocation.Devices.Results {
			devices = append(devices, fmt.Sprintf("%s=%s/%s/%s", result.Request, result.Driver, result.Pool, result.Device))
		}
	}
	return devices, nil
}
