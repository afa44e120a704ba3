// Command informer is the client-go peer of the benchmark: shared informers on pods and nodes, as most Go
// controllers have them, and a GPU sum per node kept by their event handlers.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const unfinished = "status.phase!=Succeeded,status.phase!=Failed"

// ready is the line on stdout that says that every object was listed and handled.
type ready struct {
	Event           string `json:"event"`
	Pods            int    `json:"pods"`
	Nodes           int    `json:"nodes"`
	AllocatedGPUs   int64  `json:"allocated_gpus"`
	AllocatableGPUs int64  `json:"allocatable_gpus"`
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig `path`")
	contentType := flag.String("content-type", "",
		"wire format of lists and watches, such as application/json (default: client-go's own choice)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *kubeconfig, *contentType); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, kubeconfig, contentType string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.ContentType = contentType
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}

	// Two factories: nodes do not know the pods' field selector.
	podFactory := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.FieldSelector = unfinished }))
	nodeFactory := informers.NewSharedInformerFactory(client, 0)
	pods := podFactory.Core().V1().Pods().Informer()
	nodes := nodeFactory.Core().V1().Nodes().Informer()

	sums := newSums()
	podsHandled, err := pods.AddEventHandler(handler(sums.hold, sums.release))
	if err != nil {
		return err
	}
	nodesHandled, err := nodes.AddEventHandler(handler(sums.offer, sums.withdraw))
	if err != nil {
		return err
	}
	podFactory.Start(ctx.Done())
	nodeFactory.Start(ctx.Done())

	if cache.WaitForCacheSync(ctx.Done(), podsHandled.HasSynced, nodesHandled.HasSynced) {
		allocated, allocatable := sums.totals()
		line := ready{"ready", len(pods.GetStore().ListKeys()), len(nodes.GetStore().ListKeys()), allocated, allocatable}
		if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
			return err
		}
	}
	<-ctx.Done()
	podFactory.Shutdown()
	nodeFactory.Shutdown()
	return nil
}

// handler turns an informer's events into additions and removals of an object's share of the sums.
func handler[T *corev1.Pod | *corev1.Node](add, remove func(T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { add(object.(T)) },
		UpdateFunc: func(before, after any) {
			remove(before.(T))
			add(after.(T))
		},
		DeleteFunc: func(object any) {
			if lost, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = lost.Obj
			}
			remove(object.(T))
		},
	}
}
