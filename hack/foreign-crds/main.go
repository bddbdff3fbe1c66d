// SPDX-License-Identifier: Apache-2.0

// Prints the CustomResourceDefinitions of other projects' kinds: made from the Go types of their API, by the
// generator that these projects make theirs with (controller-gen's own library). It wants the go command on
// the PATH and this folder as the working directory, since it reads the types' source where Go has it.
package main

import (
	"fmt"
	"log"

	"golang.org/x/tools/go/packages"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-tools/pkg/crd"
	crdmarkers "sigs.k8s.io/controller-tools/pkg/crd/markers"
	"sigs.k8s.io/controller-tools/pkg/loader"
	"sigs.k8s.io/controller-tools/pkg/markers"
	"sigs.k8s.io/yaml"

	flux "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

var kinds = []schema.GroupKind{
	{Group: flux.GroupVersion.Group, Kind: flux.KustomizationKind},
	{Group: monitoring.GroupName, Kind: monitoringv1.PodMonitorsKind},
	{Group: monitoring.GroupName, Kind: monitoringv1.ServiceMonitorsKind},
	{Group: monitoring.GroupName, Kind: monitoringv1.PrometheusRuleKind},
}

func main() {
	log.SetFlags(0)
	roots, err := loader.LoadRoots(
		"github.com/fluxcd/kustomize-controller/api/v1",
		"github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1",
	)
	if err != nil {
		log.Fatal(err)
	}
	registry := &markers.Registry{}
	if err := crdmarkers.Register(registry); err != nil {
		log.Fatal(err)
	}
	parser := &crd.Parser{
		Collector: &markers.Collector{Registry: registry},
		Checker:   &loader.TypeChecker{},
	}
	crd.AddKnownTypes(parser)
	for _, root := range roots {
		parser.NeedPackage(root)
	}
	for _, kind := range kinds {
		parser.NeedCRDFor(kind, nil)
	}
	// As controller-gen does: only what the types need is loaded, so that much of the rest does not type-check.
	if loader.PrintErrors(roots, packages.TypeError) {
		log.Fatal("the CustomResourceDefinitions could not be made")
	}
	for _, kind := range kinds {
		definition := parser.CustomResourceDefinitions[kind]
		crd.FixTopLevelMetadata(definition)
		text, err := yaml.Marshal(definition)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("---\n%s", text)
	}
}
