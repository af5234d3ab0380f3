package test

// make install and make uninstall: which files they put where, and which they leave alone.
//
// Not tested in this file: that what is installed works.

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// install runs make where there is no go, as sudo would, and returns what it says on
// standard error. In PATH comes first a dpkg that knows of one file.
func install(t *testing.T, words ...string) string {
	t.Helper()
	cmd := prepareInstall(t, words...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("make %q: %v\n%s%s", words, err, out, &said)
	}
	return said.String()
}

func prepareInstall(t *testing.T, words ...string) *exec.Cmd {
	t.Helper()
	build := exec.Command("make", "all")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	make, err := exec.LookPath("make")
	must(err)
	packages := t.TempDir()
	script(filepath.Join(packages, "dpkg"), "#!/bin/sh\ncase $2 in */bin/svc) echo daemontools: $2 ;; *) exit 1 ;; esac\n")
	cmd := exec.Command(make, append([]string{"GO=false"}, words...)...)
	cmd.Dir, cmd.Env = root, []string{"PATH=" + packages + ":/usr/bin:/bin"}
	return cmd
}

func TestMakeInstallPutsBinaryNamesAndPages(t *testing.T) {
	dest := t.TempDir()
	if said := install(t, "install", "DESTDIR="+dest, "PREFIX=/usr"); said != "" {
		t.Error(said)
	}
	want := []string{
		"usr/bin/catena -rwxr-xr-x",
		"usr/bin/svscanboot -rwxr-xr-x",
		"usr/share/catena/init/README.md -rw-r--r--",
		"usr/share/catena/init/catena.openrc -rwxr-xr-x",
		"usr/share/catena/init/catena.service -rw-r--r--",
	}
	for _, tool := range tools() {
		if !slices.Contains(unnamed(t), tool) {
			want = append(want, "usr/bin/"+tool+" catena")
		}
	}
	for _, program := range hosted() {
		want = append(want, "usr/bin/"+program+" -rwxr-xr-x")
	}
	for _, tool := range pages() {
		want = append(want, "usr/share/man/man8/"+tool+".8 -rw-r--r--")
	}
	diffLists(t, "DESTDIR", installed(dest), "the list", want)
	if said := install(t, "uninstall", "DESTDIR="+dest, "PREFIX=/usr"); said != "" {
		t.Error(said)
	}
	diffLists(t, "DESTDIR", installed(dest), "nothing", nil)
}

// What common commands are called is not for catena to take, neither where it is installed nor
// in the folder of the build, which people put into PATH.
func TestNoFileHasTheNameOfACommonCommand(t *testing.T) {
	dest := t.TempDir()
	install(t, "install", "DESTDIR="+dest, "PREFIX=")
	for _, tool := range unnamed(t) {
		if exists(filepath.Join(dest, "bin", tool)) || exists(filepath.Join(root, "bin", tool)) {
			t.Errorf("make makes a file %s", tool)
		}
		if !slices.Contains(tools(), tool) {
			t.Errorf("%s is no tool", tool)
		}
	}
}

func TestMakeInstallWarnsOfAPackageAndUninstallLeavesWhatIsNotOurs(t *testing.T) {
	installsAndUninstalls(t, "")
}

// Make and the shell have a meaning of their own for some characters of a folder's name.
func TestMakeInstallAndUninstallTakeFoldersOfAnyName(t *testing.T) {
	for _, name := range []string{"100%", "a b", "$$HOME", "%/%"} {
		installsAndUninstalls(t, name)
	}
}

// installsAndUninstalls installs over a program of a package, in a folder of that name as make
// takes it, and uninstalls when that program is there again.
func installsAndUninstalls(t *testing.T, name string) {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), name)
	onDisk := strings.ReplaceAll(prefix, "$$", "$")
	svc := filepath.Join(onDisk, "bin/svc")
	must(os.MkdirAll(filepath.Dir(svc), 0o755))
	must(os.WriteFile(svc, nil, 0o755))
	want := "make: warning: " + svc + " of the package daemontools is overwritten\n"
	if said := install(t, "install", "PREFIX="+prefix); said != want {
		t.Errorf("%q, want %q", said, want)
	}
	must(os.Remove(svc))
	must(os.WriteFile(svc, nil, 0o755))
	want = "make: warning: " + svc + " is not catena's and stays\n"
	if said := install(t, "uninstall", "PREFIX="+prefix); said != want {
		t.Errorf("%q, want %q", said, want)
	}
	diffLists(t, "PREFIX", installed(onDisk), "the list", []string{"bin/svc -rwxr-xr-x"})
}

func TestMakeUninstallOfAFolderThatIsNotThereFails(t *testing.T) {
	cmd := prepareInstall(t, "uninstall", "PREFIX="+filepath.Join(t.TempDir(), "nowhere"))
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("make uninstall: exit 0, %q", out)
	}
}

// A build has files of the names that an installation has.
func TestMakeUninstallLeavesTheBuildAlone(t *testing.T) {
	if exists("/bin/catena") || exists("/share/catena") {
		t.Skip("catena is installed in /, from where it would be removed")
	}
	dir, elsewhere := t.TempDir(), t.TempDir()
	for _, in := range []string{dir, filepath.Join(dir, "dest"), filepath.Join(elsewhere, "dest")} {
		must(os.MkdirAll(filepath.Join(in, "bin"), 0o755))
		must(os.WriteFile(filepath.Join(in, "bin/catena"), nil, 0o755))
		must(os.Symlink("catena", filepath.Join(in, "bin/anytool")))
	}
	must(os.MkdirAll(filepath.Join(dir, "cmd/anytool"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "Makefile"), []byte(read(t, filepath.Join(root, "Makefile"))), 0o644))
	left := []string{"Makefile -rw-r--r--", "bin/catena -rwxr-xr-x", "bin/anytool catena"}
	for _, words := range [][]string{{"PREFIX="}, {"PREFIX=", "DESTDIR=dest", "CDPATH=" + elsewhere}} {
		cmd := exec.Command("make", append([]string{"uninstall"}, words...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("make uninstall %q: %v, %s", words, err, out)
		}
	}
	diffLists(t, "the tree", installed(dir), "the list", left)
	diffLists(t, "CDPATH", installed(elsewhere), "the list", []string{"dest/bin/catena -rwxr-xr-x", "dest/bin/anytool catena"})
}

func TestMakeInstallWithoutABuildSaysSo(t *testing.T) {
	dir := t.TempDir()
	must(os.WriteFile(filepath.Join(dir, "Makefile"), []byte(read(t, filepath.Join(root, "Makefile"))), 0o644))
	cmd := exec.Command("make", "install", "GO=false", "DESTDIR="+t.TempDir())
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if line := "make: bin/catena is not built: run make first\n"; err == nil || !strings.HasPrefix(string(out), line) {
		t.Errorf("%v, %q, want %q", err, out, line)
	}
}

// installed lists the files below a folder, each with its mode or, for a
// symbolic link, with where it leads.
func installed(dest string) (list []string) {
	must(filepath.WalkDir(dest, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		must(err)
		what := info.Mode().String()
		if entry.Type() == fs.ModeSymlink {
			what, err = os.Readlink(file)
			must(err)
		}
		name, err := filepath.Rel(dest, file)
		list = append(list, name+" "+what)
		return err
	}))
	return list
}

func TestFilesThatInitReadmeCopiesAreInstalled(t *testing.T) {
	dest := t.TempDir()
	install(t, "install", "DESTDIR="+dest)
	copied := submatches(`(?m)^    cp (\S+) `, read(t, filepath.Join(root, "init", "README.md")))
	if copied == nil {
		t.Error("it copies nothing")
	}
	for _, file := range copied {
		if !exists(dest + file) {
			t.Errorf("there is no %s", file)
		}
	}
}
