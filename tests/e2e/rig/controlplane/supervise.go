package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// Only what a Deployment's life needs: each further controller costs watches and memory.
var controllersOn = []string{
	"deployment-controller", "replicaset-controller", "endpointslice-controller", "namespace-controller",
	"serviceaccount-controller", "garbage-collector-controller", "pod-garbage-collector-controller",
	"disruption-controller", "horizontal-pod-autoscaler-controller", "statefulset-controller",
	"daemonset-controller", "job-controller", "resourcequota-controller",
	"clusterrole-aggregation-controller", "root-ca-certificate-publisher-controller",
}

const restartsMax = 100

type death struct {
	component string
	err       error
}

func startEtcd(dir string) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Dir = filepath.Join(dir, "etcd")
	config.UnsafeNoFsync = true
	config.LogLevel = "error"
	config.LogOutputs = []string{filepath.Join(dir, "etcd.log")}
	config.EnableGRPCGateway = false
	anyPort := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{anyPort}, []url.URL{anyPort}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{anyPort}, []url.URL{anyPort}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case <-time.After(30 * time.Second):
		etcd.Close()
		return nil, fmt.Errorf("etcd was not ready within 30 s")
	}
}

func (s settings) apiserverArgs(etcd string) []string {
	in := func(name string) string { return filepath.Join(s.dir, name) }
	return append([]string{
		"--etcd-servers=http://" + etcd,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", s.port),
		"--service-cluster-ip-range=10.0.0.0/16",
		"--client-ca-file=" + in("ca.crt"),
		"--tls-cert-file=" + in("apiserver.crt"), "--tls-private-key-file=" + in("apiserver.key"),
		"--kubelet-client-certificate=" + in("kubelet-client.crt"), "--kubelet-client-key=" + in("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + in("service-account.key"),
		"--service-account-signing-key-file=" + in("service-account.key"),
		"--authorization-mode=RBAC", "--anonymous-auth=false",
		"--profiling=false", "--endpoint-reconciler-type=none",
	}, s.apiserverFlags...)
}

func (s settings) controllerArgs() []string {
	in := func(name string) string { return filepath.Join(s.dir, name) }
	return append([]string{
		"--kubeconfig=" + in("controllers.kubeconfig"), "--secure-port=0", "--leader-elect=false",
		"--use-service-account-credentials=true", "--service-account-private-key-file=" + in("service-account.key"),
		"--root-ca-file=" + in("ca.crt"), "--controllers=" + strings.Join(controllersOn, ","),
		"--kube-api-qps=400", "--kube-api-burst=800", "--concurrent-deployment-syncs=10",
		"--concurrent-replicaset-syncs=10", "--concurrent-gc-syncs=4", "--namespace-sync-period=10s",
	}, s.controllerFlags...)
}

func (s settings) schedulerArgs() []string {
	return []string{
		"--kubeconfig=" + filepath.Join(s.dir, "scheduler.kubeconfig"), "--secure-port=0", "--leader-elect=false",
	}
}

// supervise runs the components until ctx ends; one that ends before all are ready is an error.
func supervise(ctx context.Context, s settings, etcd string) error {
	ended := make(chan death, len(components))
	starting, cancel := context.WithTimeout(ctx, s.startWithin)
	defer cancel()
	args := map[string][]string{
		apiserverName:   s.apiserverArgs(etcd),
		controllersName: s.controllerArgs(),
		schedulerName:   s.schedulerArgs(),
	}
	if err := s.start(apiserverName, args[apiserverName], ended); err != nil {
		return err
	}
	client, err := s.adminClient()
	if err != nil {
		return err
	}
	if err := s.waitFor(starting, client, "/readyz", ended); err != nil {
		return err
	}
	for _, name := range []string{controllersName, schedulerName} {
		if err := s.start(name, args[name], ended); err != nil {
			return err
		}
	}
	// The controllers write this account: once it is there, they run.
	if err := s.waitFor(starting, client, "/api/v1/namespaces/default/serviceaccounts/default", ended); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "ready"), nil, 0o600); err != nil {
		return err
	}
	return s.restart(ctx, args, ended)
}

// restart brings back what a test kills, as the kubelet of a real control plane does.
func (s settings) restart(ctx context.Context, args map[string][]string, ended chan death) error {
	for range restartsMax {
		select {
		case <-ctx.Done():
			return nil
		case dead := <-ended:
			if err := s.start(dead.component, args[dead.component], ended); err != nil {
				return err
			}
		}
	}
	return (<-ended).err
}

func (s settings) start(component string, args []string, ended chan<- death) error {
	path := filepath.Join(s.dir, component+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.Command(self, append([]string{component}, args...)...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := command.Start(); err != nil {
		return err
	}
	pid := fmt.Appendf(nil, "%d\n", command.Process.Pid)
	if err := os.WriteFile(filepath.Join(s.dir, component+".pid"), pid, 0o600); err != nil {
		return err
	}
	go func() {
		err := command.Wait()
		ended <- death{component, fmt.Errorf("%s ended (%v), see %s", component, err, path)}
	}()
	return nil
}

func (s settings) adminClient() (*http.Client, error) {
	authority, err := os.ReadFile(filepath.Join(s.dir, "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	pair, err := tls.LoadX509KeyPair(filepath.Join(s.dir, "admin.crt"), filepath.Join(s.dir, "admin.key"))
	if err != nil {
		return nil, err
	}
	trust := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: trust}}, nil
}

func (s settings) waitFor(ctx context.Context, client *http.Client, path string, ended <-chan death) error {
	address := fmt.Sprintf("https://127.0.0.1:%d%s", s.port, path)
	last := "nothing answered"
	for {
		response, err := client.Get(address)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			last = response.Status
		}
		select {
		case dead := <-ended:
			return dead.err
		case <-ctx.Done():
			return fmt.Errorf("%s: %s (%w)", path, last, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
