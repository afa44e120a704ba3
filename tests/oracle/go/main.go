// oracle answers with kube-scheduler's own code whether pods fit a fleet, without an apiserver.
//
// It reads a fleet per line of standard input, as JSON, and writes an answer per line: for each pod that is asked
// about its verdict, the reasons of each node, and the message that the scheduler would write into its condition.
// The scheduler is the default one: its default configuration, its default feature gates, every node looked at.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/profile"
)

// fleet is one line of input. Pods with a spec.nodeName are on that node; others count where they are nominated.
type fleet struct {
	Namespaces       []*v1.Namespace                `json:"namespaces"`
	Nodes            []*v1.Node                     `json:"nodes"`
	Pods             []*v1.Pod                      `json:"pods"`
	ResourceClaims   []*resourceapi.ResourceClaim   `json:"resourceClaims"`
	ResourceSlices   []*resourceapi.ResourceSlice   `json:"resourceSlices"`
	DeviceClasses    []*resourceapi.DeviceClass     `json:"deviceClasses"`
	DeviceTaintRules []*resourceapi.DeviceTaintRule `json:"deviceTaintRules"`
	Asked            []*v1.Pod                      `json:"asked"`
	// Places has the node that each asked pod is bound to once it is answered; those without one are bound nowhere.
	Places []string `json:"places"`
	// Victims tells to look for the pods that preemption would evict.
	Victims bool `json:"victims"`
	// Selectors are tried instead of asking about pods.
	Selectors []selectorCase `json:"selectors"`
}

// answer is about one pod that is asked about.
type answer struct {
	Fits bool `json:"fits"`
	// Message is a FitError's text; empty where the pod fits.
	Message string `json:"message,omitempty"`
	// Nodes has the reasons of each node that doesn't fit; empty where a PreFilter plugin rejects the pod as a whole.
	Nodes map[string][]string `json:"nodes,omitempty"`
	// Error is what keeps the scheduler from any verdict, on whatever node it met it; Nodes then has what each says.
	Error string `json:"error,omitempty"`
	// Victims has the pods that preemption would evict on each node where that helps.
	Victims map[string][]string `json:"victims,omitempty"`
	// Devices has the devices that the pod's claims get on its place, in the order in which they are allocated.
	Devices []string `json:"devices,omitempty"`
}

func main() {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			answers, failed := answerLine(line)
			if failed != nil {
				fmt.Fprintln(os.Stderr, "oracle:", failed)
				os.Exit(1)
			}
			if failed := json.NewEncoder(out).Encode(answers); failed != nil {
				panic(failed)
			}
			out.Flush()
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "oracle:", err)
			os.Exit(1)
		}
	}
}

func answerLine(line []byte) (any, error) {
	var input fleet
	if err := json.Unmarshal(line, &input); err != nil {
		return nil, fmt.Errorf("a fleet: %w", err)
	}
	if input.Selectors != nil {
		return trySelectors(input.Selectors), nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sched, err := newScheduler(ctx, &input)
	if err != nil {
		return nil, err
	}
	answers := make([]answer, len(input.Asked))
	for i, pod := range input.Asked {
		name(pod, fmt.Sprintf("asked-%d", i))
		state := framework.NewCycleState()
		answers[i] = ask(ctx, sched, pod, state, input.Victims)
		if i < len(input.Places) && input.Places[i] != "" {
			if answers[i].Fits {
				devices, err := reserve(ctx, sched, pod, state, input.Places[i])
				if err != nil {
					answers[i].Error = err.Error()
				}
				answers[i].Devices = devices
			}
			bound := pod.DeepCopy()
			bound.Spec.NodeName = input.Places[i]
			if err := sched.Cache.AddPod(klog.FromContext(ctx), bound); err != nil {
				return nil, err
			}
		}
	}
	return answers, nil
}

// newScheduler fills a scheduler's cache and queue as its event handlers do, and its informers from a fake client.
func newScheduler(ctx context.Context, input *fleet) (*scheduler.Scheduler, error) {
	for _, claim := range input.ResourceClaims {
		// As an apiserver would; without a version no allocation can be assumed.
		claim.ResourceVersion = "1"
		claim.UID = types.UID(claim.Namespace + "/" + claim.Name)
	}
	var objects []runtime.Object
	objects = add(objects, input.Namespaces)
	objects = add(objects, input.ResourceClaims)
	objects = add(objects, input.ResourceSlices)
	objects = add(objects, input.DeviceClasses)
	objects = add(objects, input.DeviceTaintRules)
	client := fake.NewClientset(objects...)
	factory := informers.NewSharedInformerFactory(client, 0)
	sched, err := scheduler.New(ctx, client, factory, nil, recorders(),
		scheduler.WithPercentageOfNodesToScore(all()), scheduler.WithParallelism(1))
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	if len(objects) > len(input.Namespaces) {
		// It looks every 100 ms, and only what DRA keeps of its objects goes through handlers.
		if err := sched.WaitForHandlersSync(ctx); err != nil {
			return nil, err
		}
	}
	logger := klog.FromContext(ctx)
	for _, node := range input.Nodes {
		sched.Cache.AddNode(logger, node)
	}
	for i, pod := range input.Pods {
		name(pod, fmt.Sprintf("pod-%d", i))
		ended := pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed
		switch {
		case ended: // the scheduler's informer leaves them out
		case pod.Spec.NodeName != "":
			if err := sched.Cache.AddPod(logger, pod); err != nil {
				return nil, err
			}
		case pod.Status.NominatedNodeName != "" && sched.Profiles[pod.Spec.SchedulerName] != nil:
			// The queue takes no nomination of a pod that the informer doesn't know.
			if err := factory.Core().V1().Pods().Informer().GetIndexer().Add(pod); err != nil {
				return nil, err
			}
			sched.SchedulingQueue.Add(ctx, pod)
		}
	}
	return sched, nil
}

func ask(ctx context.Context, sched *scheduler.Scheduler, pod *v1.Pod, state *framework.CycleState, preempts bool) answer {
	profiled := sched.Profiles[pod.Spec.SchedulerName]
	if profiled == nil {
		return answer{Error: fmt.Sprintf("no scheduler is called %q", pod.Spec.SchedulerName)}
	}
	for _, plugin := range profiled.PreEnqueuePlugins() {
		if status := plugin.PreEnqueue(ctx, pod); !status.IsSuccess() {
			return answer{Message: status.Message()}
		}
	}
	snapshot, ok := profiled.SnapshotSharedLister().(*internalcache.Snapshot)
	if !ok {
		return answer{Error: "the snapshot is of another type"}
	}
	if err := sched.Cache.UpdateSnapshot(klog.FromContext(ctx), snapshot); err != nil {
		return answer{Error: err.Error()}
	}
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return answer{Error: err.Error()}
	}
	_, err = sched.SchedulePod(ctx, profiled, state, &framework.QueuedPodInfo{PodInfo: info})
	if err == nil {
		return answer{Fits: true, Nodes: reasons(ctx, profiled, pod)}
	}
	var unfit *framework.FitError
	if !errors.As(err, &unfit) {
		if errors.Is(err, scheduler.ErrNoNodesAvailable) {
			return answer{Message: err.Error()}
		}
		return answer{Error: err.Error(), Nodes: reasons(ctx, profiled, pod)}
	}
	result := answer{Message: unfit.Error()}
	if unfit.Diagnosis.PreFilterMsg == "" {
		result.Nodes = reasons(ctx, profiled, pod)
	}
	if preempts {
		result.Victims, err = victims(ctx, profiled, pod, state, unfit.Diagnosis.NodeToStatus)
		if err != nil {
			result.Error = err.Error()
		}
	}
	return result
}

// reasons runs the filters on every node that the PreFilter plugins leave.
func reasons(ctx context.Context, profiled framework.Framework, pod *v1.Pod) map[string][]string {
	state := framework.NewCycleState()
	nodes, err := profiled.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		panic(err)
	}
	left, status, _ := profiled.RunPreFilterPlugins(ctx, state, pod)
	if !status.IsSuccess() {
		return nil
	}
	found := map[string][]string{}
	for _, node := range nodes {
		name := node.Node().Name
		if !left.AllNodes() && !left.NodeNames.Has(name) {
			continue
		}
		if status := profiled.RunFilterPluginsWithNominatedPods(ctx, state, pod, node); !status.IsSuccess() {
			found[name] = status.Reasons()
		}
	}
	return found
}

// name gives a pod what an apiserver would have given it.
func name(pod *v1.Pod, uid string) {
	pod.UID = types.UID(uid)
	if pod.Name == "" {
		pod.Name = uid
	}
	if pod.Namespace == "" {
		pod.Namespace = metav1.NamespaceDefault
	}
	if pod.Spec.SchedulerName == "" {
		pod.Spec.SchedulerName = v1.DefaultSchedulerName
	}
}

func add[T runtime.Object](objects []runtime.Object, more []T) []runtime.Object {
	for _, object := range more {
		objects = append(objects, object)
	}
	return objects
}

// recorders drops all events.
func recorders() profile.RecorderFactory {
	return func(string) events.EventRecorderLogger { return &events.FakeRecorder{} }
}

func all() *int32 {
	percentage := int32(100)
	return &percentage
}
